/* SPDX-License-Identifier: Apache-2.0 */
#include "sums.h"

#include <string.h>

void sums_add_up(struct engine *engine)
{
    struct totals *totals = &engine->totals;
    struct use *use = engine->owners.uses;
    size_t left;
    totals->allocations = totals->bytes = totals->frees = totals->temporary = 0;
    for (left = engine->owners.use_count; left != 0; left--, use++) {
        use_keep_peak(use, totals->peak);
        totals->allocations += use->allocations;
        totals->bytes += use->bytes;
        totals->frees += use->frees;
        totals->temporary += use->temporary;
    }
}

void sums_forget_live(struct engine *engine)
{
    struct owners *owners = &engine->owners;
    size_t at;
    for (at = 0; at < owners->use_count; at++) {
        use_keep_peak(&owners->uses[at], engine->totals.peak);
        owners->uses[at].live_bytes = owners->uses[at].live_blocks = 0;
    }
    for (at = 0; at < owners->node_count; at++) {
        owners->nodes[at].live_bytes = owners->nodes[at].live_blocks = 0;
    }
    engine->totals.live_bytes = engine->totals.live_blocks = 0;
}

static void end_clear(struct engine *engine, struct end *end)
{
    memory_release(&engine->memory, end->live, end->count * sizeof *end->live);
    memset(end, 0, sizeof *end);
}

/* Notes what is live. */
static void end_fill(struct engine *engine, struct end *end, const struct mark *mark)
{
    const struct owners *owners = &engine->owners;
    size_t at;
    end->mark = *mark;
    if (owners->use_count == 0) {
        return;
    }
    end->live = memory_new(&engine->memory, owners->use_count * sizeof *end->live);
    if (end->live == NULL) {
        engine->status = ENGINE_NO_MEMORY;
        return;
    }
    end->count = owners->use_count;
    for (at = 0; at < end->count; at++) {
        end->live[at] = owners->uses[at].live_bytes;
    }
}

void ends_begin(struct engine *engine, struct ends *ends, const struct mark *mark)
{
    if (!ends->is_begun) {
        ends->is_begun = true;
        end_fill(engine, &ends->first, mark);
    }
}

/* Leaves out every other end, the newest, too. */
static void ends_thin(struct engine *engine, struct ends *ends)
{
    size_t at;
    for (at = 0; at < ENGINE_MOST_ENDS; at++) {
        if (at % 2 == 0) {
            end_clear(engine, &ends->noted[at]);
        } else {
            ends->noted[at / 2] = ends->noted[at];
            memset(&ends->noted[at], 0, sizeof ends->noted[at]);
        }
    }
    ends->count = ENGINE_MOST_ENDS / 2;
    ends->every *= 2;
    ends->newest = 0;
}

void ends_start(struct ends *ends, uint64_t every)
{
    ends->every = ends->left = ends->step = every;
}

void ends_note(struct engine *engine, struct ends *ends, struct mark mark)
{
    end_fill(engine, &ends->noted[ends->count++], &mark);
    ends->newest = engine->totals.events;
    ends->counted += ends->step;
    if (ends->count == ENGINE_MOST_ENDS) {
        ends_thin(engine, ends);
    }
    ends->left = ends->step = ends->every - (ends->counted & (ends->every - 1));
}

void ends_clear(struct engine *engine, struct ends *ends)
{
    size_t at;
    for (at = 0; at < ENGINE_MOST_ENDS; at++) {
        end_clear(engine, &ends->noted[at]);
    }
    end_clear(engine, &ends->first);
    memset(ends, 0, sizeof *ends);
}

static void bucket_join(struct bucket *bucket, const struct bucket *next)
{
    bucket->least_bytes = next->least_bytes < bucket->least_bytes ? next->least_bytes : bucket->least_bytes;
    bucket->most_bytes = next->most_bytes > bucket->most_bytes ? next->most_bytes : bucket->most_bytes;
    bucket->most_blocks = next->most_blocks > bucket->most_blocks ? next->most_blocks : bucket->most_blocks;
    bucket->last_bytes = next->last_bytes;
    bucket->last_blocks = next->last_blocks;
}

static void timeline_widen(struct timeline *timeline)
{
    struct bucket *buckets = timeline->buckets;
    size_t at, count = 0;
    timeline->shift++;
    for (at = 0; at < timeline->count; at++) {
        buckets[at].number >>= 1;
        if (count != 0 && buckets[count - 1].number == buckets[at].number) {
            bucket_join(&buckets[count - 1], &buckets[at]);
        } else {
            buckets[count++] = buckets[at];
        }
    }
    timeline->count = count;
}

void timeline_turn(struct timeline *timeline, uint64_t moment)
{
    static const struct bucket empty = {0, INT64_MAX, INT64_MIN, 0, INT64_MIN, 0};
    if (timeline->is_open) {
        timeline->buckets[timeline->count++] = timeline->now;
    }
    while (timeline->count == ENGINE_MOST_BUCKETS &&
           timeline->buckets[timeline->count - 1].number != moment >> timeline->shift) {
        timeline_widen(timeline);
    }
    timeline->now = empty;
    timeline->now.number = moment >> timeline->shift;
    if (timeline->count != 0 && timeline->buckets[timeline->count - 1].number == timeline->now.number) {
        timeline->now = timeline->buckets[--timeline->count];
    }
    timeline->end = moment | ((UINT64_C(1) << timeline->shift) - 1);
    timeline->is_open = true;
}
