/* SPDX-License-Identifier: Apache-2.0
 *
 * The way of an event: is it wanted, what does it do to the live blocks, what is noted after it. */
#include "replay.h"

#include "reallocations.h"
#include "step.h"

#include <string.h>

enum { EVENTS_IN_WINDOW = 64 };

static bool is_mark(const struct engine *engine, const struct event *event, const struct moment *moment)
{
    const struct meaning *name;
    if (event->kind != MEMTRACE_MARK || moment->kind != MOMENT_MARK) {
        return false;
    }
    name = numbers_get(&engine->defined_names, event->address);
    return name != NULL && name->kind == MEMTRACE_NAME_MARK && name->size == moment->name_bytes &&
           memcmp(name->data, moment->name, name->size) == 0;
}

static bool is_behind_until(const struct engine *engine, const struct event *event)
{
    const struct moment *until = &engine->wish.until;
    switch (until->kind) {
    case MOMENT_SEQ:
        return event->seq > until->value;
    case MOMENT_TIME:
        return engine->has_clock && event->time > until->value;
    case MOMENT_MARK:
        return engine->is_counting && is_mark(engine, event, until);
    default:
        return false;
    }
}

static bool is_since(const struct engine *engine, const struct event *event)
{
    const struct moment *since = &engine->wish.since;
    return (since->kind == MOMENT_SEQ && event->seq >= since->value) ||
           (since->kind == MOMENT_TIME && engine->has_clock && event->time >= since->value);
}

void replay_replace(struct engine *engine, const struct event *event, const struct block *old)
{
    if (engine->is_counting) {
        engine->totals.replaced++;
        note_oddity(engine, ODDITY_REPLACED, event, block_owner(old));
    }
    if (block_owner(old) != NO_OWNER) {
        sums_change(engine, block_owner(old), -(int64_t)block_size(old), -1, event->seq, event->time);
    }
    if (engine->wish.is_tracking) {
        note_end(engine, event, old->address, false, false);
    }
}

/* A block that is older than the log. */
static void replay_live(struct engine *engine, const struct event *event)
{
    uint32_t owner;
    size_t place;
    if (is_no_block(engine, event) || !block_place(engine, event->address, &place) ||
        blocks_at(&engine->blocks, place) != NULL) {
        return;
    }
    owner = counted_owner(engine, event, false);
    fill_block(blocks_put(&engine->blocks, place), event, owner, 0);
    if (owner != NO_OWNER) {
        sums_change(engine, owner, (int64_t)event->size, 1, event->seq, event->time);
    }
    if (engine->wish.is_tracking) {
        note_begin(engine, event, event->size, owner);
    }
}

/* Looks for the nearest live block around an address. NULL: it lies in none. */
static const struct block *block_around(const struct engine *engine, uint64_t address)
{
    const struct block *found = NULL, *block;
    size_t at;
    for (at = 0; at < engine->blocks.capacity; at++) {
        block = blocks_at(&engine->blocks, at);
        if (block != NULL && block->address < address && address - block->address < block_size(block) &&
            (found == NULL || block->address > found->address)) {
            found = block;
        }
    }
    return found;
}

static void judge_unknown(struct engine *engine, const struct event *event)
{
    const struct block *around = NULL;
    if (engine->is_restarted) {
        engine->totals.older++;
        return;
    }
    if (engine->searches < ENGINE_MOST_SEARCHES) {
        engine->searches++;
        around = block_around(engine, event->address);
    }
    if (around != NULL) {
        engine->totals.interior_frees++;
        note_oddity(engine, ODDITY_INTERIOR, event, block_owner(around));
    } else {
        engine->totals.unknown_frees++;
        note_oddity(engine, ODDITY_UNKNOWN, event, NO_OWNER);
    }
}

void replay_free_of_none(struct engine *engine, const struct event *event)
{
    struct place *place = place_of(engine, event->address);
    const bool is_double = place->address == event->address;
    if (event->address == 0) {
        return;
    }
    if (engine->wish.is_tracking && engine->wish.track == event->address) {
        note_stranger(engine, event);
    }
    if (!is_double) {
        place->address = event->address;
        place->owner = NO_OWNER;
    }
    if (engine->is_counting && is_double) {
        engine->totals.double_frees++;
        note_oddity(engine, ODDITY_DOUBLE, event, place->owner);
    } else if (engine->is_counting) {
        judge_unknown(engine, event);
    }
}

static void replay_realloc_begin(struct engine *engine, const struct event *event)
{
    const struct layout *layout = &engine->parser.layout;
    struct freed freed = {{0, 0, 0, 0}, 0, 0, 0};
    struct begun *begun;
    step_free(engine, event, &freed, false);
    begun = reallocations_add(engine->reallocations, event->stream, event->own & layout->stack_mask);
    begun->seq = event->seq;
    begun->stack = event->whose >> layout->stack_shift;
    begun->freed = freed;
}

/* A reallocation has failed: its block lives on. */
static void replay_undo(struct engine *engine, const struct event *event, const struct begun *begun)
{
    const struct block *old = &begun->freed.block;
    const uint32_t owner = block_owner(old);
    size_t place;
    if (old->address == 0 || !block_place(engine, old->address, &place) || blocks_at(&engine->blocks, place) != NULL) {
        return;
    }
    *blocks_put(&engine->blocks, place) = *old;
    engine->totals.older -= begun->freed.older;
    if (owner != NO_OWNER) {
        count_free(engine, owner, &begun->freed, UINT64_MAX);
        sums_change(engine, owner, (int64_t)block_size(old), 1, event->seq, event->time);
    }
    if (engine->wish.is_tracking) {
        note_undo(engine, old->address, begun->seq);
    }
}

static void replay_realloc_end(struct engine *engine, const struct event *event, const struct begun *begun)
{
    if (event->address != 0) {
        step_alloc(engine, event, false);
        return;
    }
    engine->totals.failed += engine->is_counting;
    if (begun != NULL) {
        replay_undo(engine, event, begun);
    }
}

/* Tells how many bytes of a range lie outside of start..end, and in how many pieces. */
static uint64_t range_outside(const struct range *range, uint64_t start, uint64_t end, unsigned *pieces)
{
    const uint64_t before = range->start < start ? start - range->start : 0;
    const uint64_t behind = range->end > end ? range->end - end : 0;
    *pieces = (before ? 1u : 0u) + (behind ? 1u : 0u);
    return before + behind;
}

/* Leaves of the ranges from `first` to `last`, which meet start..end, what lies outside of it. */
static void ranges_trim(struct engine *engine, uint64_t start, uint64_t end, size_t first, size_t last)
{
    struct ranges *ranges = &engine->ranges;
    const struct range low = ranges->entries[first], high = ranges->entries[last - 1];
    const bool has_low = low.start<start, has_high = high.end> end;
    const bool is_split = last - first == 1 && has_low && has_high;
    const bool has_room = !is_split || ranges->count < MOST_RANGES;
    const size_t left = (size_t)has_low + (has_high && has_room);
    engine->unread += !has_room;
    if (!ranges_replace(ranges, &engine->memory, first, last - first, left)) {
        engine->status = ENGINE_NO_MEMORY;
        return;
    }
    if (has_low) {
        ranges->entries[first] = low;
        ranges->entries[first].end = start;
    }
    if (has_high && has_room) {
        ranges->entries[first + has_low] = high;
        ranges->entries[first + has_low].start = end;
    }
}

/* What an UNMAP has met. */
struct met {
    bool any;
    uint32_t owner; /* of the lowest range that counts */
    uint64_t moment;
};

/* Takes start..end out of what is mapped. */
static struct met ranges_cut(struct engine *engine, const struct event *event, uint64_t start, uint64_t end)
{
    const struct ranges *ranges = &engine->ranges;
    const uint64_t track = engine->wish.track;
    const size_t first = ranges_first(ranges, start);
    size_t last = first;
    struct met met = {false, NO_OWNER, 0};
    bool is_tracked = false;
    for (; last < ranges->count && ranges->entries[last].start < end; last++) {
        const struct range *range = &ranges->entries[last];
        unsigned pieces;
        uint64_t left = range_outside(range, start, end, &pieces);
        if (pieces == 2 && ranges->count >= MOST_RANGES) {
            left = start - range->start;
            pieces = 1;
        }
        is_tracked |= track >= start && track < end && track >= range->start && track < range->end;
        if (range->owner != NO_OWNER) {
            met.moment = met.owner == NO_OWNER ? range->moment : met.moment;
            met.owner = met.owner == NO_OWNER ? range->owner : met.owner;
            sums_change(engine, range->owner, (int64_t)(left - (range->end - range->start)), (int64_t)pieces - 1,
                        event->seq, event->time);
        }
    }
    met.any = last > first;
    if (met.any) {
        ranges_trim(engine, start, end, first, last);
    }
    if (engine->wish.is_tracking && is_tracked) {
        note_end(engine, event, 0, true, true);
    }
    return met;
}

/* The end of an event's range. */
static uint64_t range_end(const struct event *event)
{
    return event->size > UINT64_MAX - event->address ? UINT64_MAX : event->address + event->size;
}

static void replay_map(struct engine *engine, const struct event *event)
{
    const uint64_t end = range_end(event), size = end - event->address;
    struct ranges *ranges = &engine->ranges;
    uint32_t owner;
    size_t at;
    if (size == 0) {
        return;
    }
    owner = counted_owner(engine, event, false);
    ranges_cut(engine, event, event->address, end);
    if (ranges->count >= MOST_RANGES) {
        engine->unread++;
        return;
    }
    at = ranges_first(ranges, event->address);
    if (!ranges_replace(ranges, &engine->memory, at, 0, 1)) {
        engine->status = ENGINE_NO_MEMORY;
        return;
    }
    ranges->entries[at] = (struct range){event->address, end, event->seq, engine->moment, owner};
    engine->newest = 0;
    if (owner != NO_OWNER) {
        count_allocation(engine, event, owner, size);
    }
    if (engine->wish.is_tracking) {
        note_begin(engine, event, size, owner);
    }
}

static void replay_unmap(struct engine *engine, const struct event *event)
{
    const uint64_t end = range_end(event);
    struct freed freed = {{0, 0, 0, 0}, 0, 0, 0};
    struct met met;
    if (end == event->address) {
        return;
    }
    met = ranges_cut(engine, event, event->address, end);
    if (met.owner != NO_OWNER) {
        freed.lifetime = engine->moment > met.moment ? engine->moment - met.moment : 0;
        count_free(engine, met.owner, &freed, 1);
    } else if (met.any) {
        engine->totals.older += engine->is_counting;
    }
}

static void replay_mark(struct engine *engine, const struct event *event)
{
    struct mark mark = {event->seq, event->time, 0}, *marks;
    if (!engine->is_counting) {
        return;
    }
    if (!meanings_use(&engine->names, &engine->defined_names, &engine->memory, event->address, &mark.name)) {
        engine->status = ENGINE_NO_MEMORY;
        return;
    }
    ends_count(engine, &engine->by_mark, mark.seq, mark.time, mark.name);
    if (engine->mark_count >= ENGINE_MOST_MARKS) {
        engine->totals.marks_left++;
        return;
    }
    marks = memory_room(&engine->memory, engine->marks, &engine->mark_capacity, engine->mark_count, sizeof mark);
    if (marks == NULL) {
        engine->status = ENGINE_NO_MEMORY;
        return;
    }
    engine->marks = marks;
    marks[engine->mark_count++] = mark;
}

/* The first event that counts. */
static void begin_counting(struct engine *engine, const struct event *event)
{
    const struct mark mark = {event->seq, event->time, 0};
    engine->totals.first = *event;
    ends_begin(engine, &engine->by_mark, &mark);
    ends_begin(engine, &engine->by_time, &mark);
    timeline_turn(&engine->timeline, engine->latest);
}

/* Finds the begin of a realloc-end, whose stack the end gets. */
static const struct begun *find_begin(struct engine *engine, struct event *event)
{
    const struct layout *layout = &engine->parser.layout;
    const struct begun *begun = NULL;
    uint64_t stack;
    if (event->distance != 0) {
        begun = reallocations_take(engine->reallocations, event->stream,
                                   (event->own - event->distance) & layout->stack_mask);
    }
    stack = begun == NULL ? 0 : begun->stack;
    event->whose = (event->whose & ~(layout->stack_mask << layout->stack_shift)) | stack << layout->stack_shift;
    event->distance = begun == NULL ? NO_NUMBER : begun->seq; /* from here on the number that it is linked to */
    return begun;
}

static void forget_live(struct engine *engine)
{
    blocks_clear(&engine->blocks, &engine->memory);
    ranges_clear(&engine->ranges, &engine->memory);
    memset(engine->places, 0, ENGINE_PLACES * sizeof *engine->places);
    engine->newest = 0;
}

/* Nobody knows what lives of what came before a start, if the recorder was stopped or frozen. */
static void replay_control(struct engine *engine, const struct event *event)
{
    const uint64_t before = event->address >> MEMTRACE_CONTROL_BEFORE_SHIFT & 0xffu;
    const uint64_t state = event->address & 0xffu;
    const bool begins = state <= MEMTRACE_FREES_ONLY && (before == MEMTRACE_STOPPED || before == MEMTRACE_FROZEN);
    if (begins) {
        sums_forget_live(engine);
        forget_live(engine);
        engine->is_restarted = true;
        engine->totals.restarts++;
    }
}

static void replay_rare(struct engine *engine, const struct event *event, const struct begun *begun)
{
    switch (event->kind) {
    case MEMTRACE_REALLOC_BEGIN:
        replay_realloc_begin(engine, event);
        break;
    case MEMTRACE_REALLOC_END:
        replay_realloc_end(engine, event, begun);
        break;
    case MEMTRACE_ALLOC_FAILED:
        engine->totals.failed += engine->is_counting;
        break;
    case MEMTRACE_MARK:
        replay_mark(engine, event);
        break;
    case MEMTRACE_ASSERT:
        if (engine->is_counting) {
            engine->totals.failed_at = *event;
            engine->totals.has_failed = true;
        }
        break;
    case MEMTRACE_CONTROL:
        replay_control(engine, event);
        break;
    case MEMTRACE_MAP:
        replay_map(engine, event);
        break;
    case MEMTRACE_UNMAP:
        replay_unmap(engine, event);
        break;
    default:
        break;
    }
}

void replay_event(struct engine *engine, struct event *event)
{
    const struct begun *begun = NULL;
    struct freed freed;
    if (!engine->is_wanted || engine->is_over) {
        return;
    }
    if (event->kind == MEMTRACE_LIVE_BLOCK) {
        replay_live(engine, event);
        return;
    }
    if (is_behind_until(engine, event)) {
        engine->is_over = true;
        return;
    }
    if (event->kind == MEMTRACE_REALLOC_END) {
        begun = find_begin(engine, event);
    }
    engine->is_counting = engine->is_counting || is_since(engine, event);
    pass_time(engine, event);
    if (engine->is_counting) {
        if (engine->totals.events == 0) {
            begin_counting(engine, event);
        }
        count_event(engine, event);
    }
    if (event->kind == MEMTRACE_ALLOC) {
        step_alloc(engine, event, false);
    } else if (event->kind == MEMTRACE_FREE) {
        step_free(engine, event, &freed, false);
    } else {
        replay_rare(engine, event, begun);
    }
    if (engine->is_counting) {
        note_event(engine, event, false);
    } else {
        engine->is_counting = is_mark(engine, event, &engine->wish.since);
    }
}

static void forget_run(struct engine *engine)
{
    forget_live(engine);
    memset(engine->reallocations, 0, sizeof *engine->reallocations);
    engine->is_restarted = false;
    engine->moment = engine->in_run = 0;
}

static void forget_definitions(struct engine *engine)
{
    meanings_forget(&engine->defined_stacks, &engine->memory);
    meanings_forget(&engine->defined_names, &engine->memory);
    meanings_forget(&engine->defined_tags, &engine->memory);
}

void replay_forget(struct engine *engine)
{
    forget_run(engine);
    owners_clear(engine);
    ends_clear(engine, &engine->by_mark);
    ends_clear(engine, &engine->by_time);
    memory_release(&engine->memory, engine->marks, engine->mark_capacity * sizeof *engine->marks);
    memory_release(&engine->memory, engine->tail, engine->tail_capacity * sizeof *engine->tail);
    forget_definitions(engine);
    meanings_clear(&engine->stacks, &engine->memory);
    meanings_clear(&engine->names, &engine->memory);
    engine->marks = NULL;
    engine->tail = NULL;
    engine->mark_count = engine->mark_capacity = engine->tail_capacity = 0;
}

static void start_profile(struct engine *engine)
{
    replay_forget(engine);
    memset(&engine->totals, 0, sizeof engine->totals);
    memset(&engine->timeline, 0, sizeof engine->timeline);
    memset(engine->oddity_count, 0, sizeof engine->oddity_count);
    ends_start(&engine->by_mark, 1);
    ends_start(&engine->by_time, EVENTS_IN_WINDOW);
    engine->tail_count = 0;
    engine->life_count = engine->searches = 0;
    engine->is_counting = engine->wish.since.kind == MOMENT_NONE;
    engine->is_over = engine->has_unknown_stack = false;
    engine->base = engine->latest = 0;
    engine->lost_before = engine->parser.lost;
    engine->unread_before = engine->parser.unread;
    engine->unread = 0;
}

void replay_end(struct engine *engine)
{
    if (engine->is_wanted) {
        engine->others.lost = engine->parser.lost - engine->lost_before;
        engine->others.unread = engine->parser.unread - engine->unread_before + engine->unread;
    }
}

void replay_begin(struct engine *engine)
{
    const enum run_wish run = engine->wish.run;
    engine->runs++;
    replay_end(engine);
    engine->is_wanted = run != RUN_NUMBER || engine->runs == engine->wish.run_number;
    if (!engine->is_wanted) {
        return;
    }
    if (run == RUN_ALL && engine->runs > 1) {
        sums_forget_live(engine);
        forget_run(engine);
        forget_definitions(engine);
        owners_renew(engine);
    } else {
        start_profile(engine);
    }
    engine->base = engine->latest;
    engine->has_clock = engine->parser.layout.has_clock;
}
