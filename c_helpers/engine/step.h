/* SPDX-License-Identifier: Apache-2.0
 *
 * What an allocation and a free do: the way of nearly all events.
 *
 * Approach: everything here is compiled twice, `is_plain` being a constant. A replay is plain as long as every event counts and none
 * is kept word for word; then an event needs no memory of its own, and half of the questions are not asked. What is rare is
 * called, with a copy of the event. */
#ifndef MEMTRACE_ENGINE_STEP_H
#define MEMTRACE_ENGINE_STEP_H

#include "notes.h"
#include "owners.h"
#include "replay.h"
#include "sums.h"

#define GOLDEN UINT64_C(0x9E3779B97F4A7C15) /* of the table of places, which the profile's contract names */
#define PLACE_SHIFT 52

/* Tells whether events are only counted. This holds up to the end of the run. */
INLINE bool replay_is_plain(const struct engine *engine)
{
    const struct wish *wish = &engine->wish;
    return engine->is_wanted && engine->is_counting && !engine->is_over && wish->until.kind == MOMENT_NONE &&
           wish->tail == 0 && !wish->is_tracking && engine->totals.events != 0;
}

INLINE struct place *place_of(const struct engine *engine, uint64_t address)
{
    return &engine->places[(address >> 4) * GOLDEN >> PLACE_SHIFT];
}

INLINE void pass_time(struct engine *engine, const struct event *event)
{
    uint64_t moment = event->time;
    if (!engine->has_clock) {
        moment = ++engine->in_run;
    }
    engine->moment = moment;
    if (engine->base != 0) {
        moment = moment > UINT64_MAX - engine->base ? UINT64_MAX : moment + engine->base;
    }
    if (moment > engine->latest) {
        engine->latest = moment;
    }
}

/* The owner of an event, if it counts. */
INLINE uint32_t counted_owner(struct engine *engine, const struct event *event, bool is_plain)
{
    if ((!is_plain && !engine->is_counting) || event->size < engine->wish.least || event->size > engine->wish.most) {
        return NO_OWNER;
    }
    return owners_use(engine, event->whose, event->heap);
}

INLINE void count_allocation(struct engine *engine, const struct event *event, uint32_t owner, uint64_t size)
{
    struct use *use = &engine->owners.uses[owner];
    use->allocations++;
    use->bytes += size;
    sums_change(engine, owner, (int64_t)size, 1, event->seq, event->time);
}

/* Finds the place of an address, with room for a block. false: no memory. */
INLINE bool block_place(struct engine *engine, uint64_t address, size_t *place)
{
    if (!blocks_have_room(&engine->blocks) && !blocks_widen(&engine->blocks, &engine->memory)) {
        engine->status = ENGINE_NO_MEMORY;
        return false;
    }
    *place = blocks_find(&engine->blocks, address);
    return true;
}

/* An address that is no block's, or a size that nothing has. */
INLINE bool is_no_block(struct engine *engine, const struct event *event)
{
    if (event->size >= BLOCK_MOST_SIZE) {
        engine->unread++;
        return true;
    }
    return event->address == 0;
}

INLINE void fill_block(struct block *block, const struct event *event, uint32_t owner, uint64_t moment)
{
    block->address = event->address;
    block->size_owner = event->size | (uint64_t)owner << BLOCK_SIZE_BITS;
    block->seq = event->seq;
    block->moment = moment;
}

INLINE void step_alloc(struct engine *engine, const struct event *event, bool is_plain)
{
    struct block *block;
    uint32_t owner;
    size_t place;
    if (is_no_block(engine, event)) {
        return;
    }
    owner = counted_owner(engine, event, is_plain);
    if (!block_place(engine, event->address, &place)) {
        return;
    }
    block = blocks_at(&engine->blocks, place);
    if (block != NULL) {
        const struct event copy = *event;
        replay_replace(engine, &copy, block);
    } else {
        block = blocks_put(&engine->blocks, place);
    }
    fill_block(block, event, owner, engine->moment);
    engine->newest = event->address;
    if (owner != NO_OWNER) {
        count_allocation(engine, event, owner, event->size);
    }
    if (!is_plain && engine->wish.is_tracking) {
        note_begin(engine, event, event->size, owner);
    }
}

/* Adds what a free has counted, or takes it away. */
INLINE void count_free(struct engine *engine, uint32_t owner, const struct freed *freed, uint64_t times)
{
    struct use *use = &engine->owners.uses[owner];
    use->frees += times;
    use->temporary += times * freed->temporary;
    use->lifetime += times * freed->lifetime;
}

/* Takes a block out, and fills in what has been counted. */
INLINE void step_free(struct engine *engine, const struct event *event, struct freed *freed, bool is_plain)
{
    const size_t place = engine->blocks.count ? blocks_find(&engine->blocks, event->address) : 0;
    const struct block *block = engine->blocks.count ? blocks_at(&engine->blocks, place) : NULL;
    uint32_t owner;
    if (block == NULL) {
        const struct event copy = *event;
        freed->block.address = 0;
        replay_free_of_none(engine, &copy);
        return;
    }
    freed->block = *block;
    owner = block_owner(block);
    blocks_take(&engine->blocks, place);
    *place_of(engine, event->address) = (struct place){event->address, owner};
    if (!is_plain && engine->wish.is_tracking) {
        note_end(engine, event, event->address, false, true);
    }
    freed->older = freed->temporary = freed->lifetime = 0;
    if (owner == NO_OWNER) {
        freed->older = engine->is_counting;
        engine->totals.older += freed->older;
        return;
    }
    freed->temporary = engine->newest == event->address;
    if (freed->block.seq != NO_NUMBER && engine->moment > freed->block.moment) {
        freed->lifetime = engine->moment - freed->block.moment;
    }
    count_free(engine, owner, freed, 1);
    sums_change(engine, owner, -(int64_t)block_size(&freed->block), -1, event->seq, event->time);
}

/* Counts an event before it is replayed. */
INLINE void count_event(struct engine *engine, const struct event *event)
{
    struct totals *totals = &engine->totals;
    totals->events++;
    totals->last_seq = event->seq;
    totals->last_time = event->time;
    if (engine->latest > engine->timeline.end) {
        timeline_turn(&engine->timeline, engine->latest);
    }
}

/* Notes what there is after an event. */
INLINE void note_event(struct engine *engine, const struct event *event, bool is_plain)
{
    ends_count(engine, &engine->by_time, event->seq, event->time, 0);
    timeline_count(&engine->timeline, &engine->totals);
    if (!is_plain && engine->wish.tail != 0) {
        note_tail(engine, event);
    }
}

/* Takes an allocation or a free, the next event of a plain run. */
INLINE void step_plain(struct engine *engine, const struct event *event)
{
    struct freed freed;
    pass_time(engine, event);
    count_event(engine, event);
    if (event->kind == MEMTRACE_ALLOC) {
        step_alloc(engine, event, true);
    } else {
        step_free(engine, event, &freed, true);
    }
    note_event(engine, event, true);
}

#endif
