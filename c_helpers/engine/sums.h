/* SPDX-License-Identifier: Apache-2.0
 *
 * Adds up what owners use: peaks, ends of windows, the timeline; as gdbext/trace/sums.py does. */
#ifndef MEMTRACE_ENGINE_SUMS_H
#define MEMTRACE_ENGINE_SUMS_H

#include "engine.h"

#define INLINE static inline __attribute__((always_inline))

/* Sums of hostile sizes go round, which is no error. */
static inline int64_t sum_of(int64_t one, int64_t other)
{
    return (int64_t)((uint64_t)one + (uint64_t)other);
}

static inline void use_keep_peak(struct use *use, uint64_t peak)
{
    if (use->peak != peak) {
        use->peak = peak;
        use->at_peak_bytes = use->live_bytes;
        use->at_peak_blocks = use->live_blocks;
    }
}

static inline void node_change(struct node *node, int64_t size, int64_t blocks)
{
    node->live_bytes = sum_of(node->live_bytes, size);
    node->live_blocks = sum_of(node->live_blocks, blocks);
    node->peak_bytes = node->live_bytes > node->peak_bytes ? node->live_bytes : node->peak_bytes;
    node->peak_blocks = node->live_blocks > node->peak_blocks ? node->live_blocks : node->peak_blocks;
}

/* Adds live bytes and blocks to an owner, and sees whether this is a new peak. */
INLINE void sums_change(struct engine *engine, uint32_t owner, int64_t size, int64_t blocks, uint64_t seq,
                        uint64_t time)
{
    struct totals *totals = &engine->totals;
    struct use *use = &engine->owners.uses[owner];
    uint32_t at;
    use_keep_peak(use, totals->peak);
    use->live_bytes = sum_of(use->live_bytes, size);
    use->live_blocks = sum_of(use->live_blocks, blocks);
    totals->live_bytes = sum_of(totals->live_bytes, size);
    totals->live_blocks = sum_of(totals->live_blocks, blocks);
    for (at = 0; at < use->nodes; at++) {
        node_change(&engine->owners.nodes[engine->owners.links[use->first_node + at]], size, blocks);
    }
    if (blocks < 0 && size <= 0) {
        return; /* no peak comes from less */
    }
    if (use->live_bytes > use->peak_bytes) {
        use->peak_bytes = use->live_bytes;
    }
    if (use->live_blocks > use->peak_blocks) {
        use->peak_blocks = use->live_blocks;
    }
    if (totals->live_blocks > totals->peak_blocks) {
        totals->peak_blocks = totals->live_blocks;
    }
    if (totals->live_bytes > totals->peak_bytes) {
        totals->peak_bytes = totals->live_bytes;
        totals->at_peak_blocks = totals->live_blocks;
        totals->peak++;
        totals->peak_seq = seq;
        totals->peak_time = time;
    }
}

/* Adds up what the owners have, when all has been counted. */
void sums_add_up(struct engine *engine);

/* Drops all that is live. */
void sums_forget_live(struct engine *engine);

void ends_start(struct ends *ends, uint64_t every);

void ends_begin(struct engine *engine, struct ends *ends, const struct mark *mark);

/* Notes an end. */
void ends_note(struct engine *engine, struct ends *ends, struct mark mark);

/* Counts one, and notes an end where one is due. */
INLINE void ends_count(struct engine *engine, struct ends *ends, uint64_t seq, uint64_t time, uint64_t name)
{
    if (--ends->left == 0) {
        ends_note(engine, ends, (struct mark){seq, time, name});
    }
}

void ends_clear(struct engine *engine, struct ends *ends);

/* Opens the bucket of a moment, which is behind the one that is open, if any is. */
void timeline_turn(struct timeline *timeline, uint64_t moment);

/* Branches, which are seldom taken, cost less here than choosing and writing. */
INLINE void timeline_count(struct timeline *timeline, const struct totals *totals)
{
    struct bucket *now = &timeline->now;
    if (totals->live_bytes < now->least_bytes) {
        now->least_bytes = totals->live_bytes;
    }
    if (totals->live_bytes > now->most_bytes) {
        now->most_bytes = totals->live_bytes;
    }
    if (totals->live_blocks > now->most_blocks) {
        now->most_blocks = totals->live_blocks;
    }
    now->last_bytes = totals->live_bytes;
    now->last_blocks = totals->live_blocks;
}

#endif
