/* SPDX-License-Identifier: Apache-2.0
 *
 * A ring as its reader sees it. ring_view.h tells the approach.
 */
#include "ring_view.h"

#define FRAMES_MAX 32u
#define LAPS_MASK (((uint32_t)1 << MEMTRACE_LAP_BITS) - 1u)
#define TIME_SPAN ((uint64_t)1 << TIME_BITS)

struct view view_of(const struct memtrace_header *header)
{
    const char *base = (const char *)header;
    return (struct view){header, (const memtrace_word *)(const void *)(base + header->events.offset),
                         (const memtrace_word *)(const void *)(base + header->stacks.offset)};
}

/* laps_high first: it never is ahead of the head by more than the carry that is under way. */
uint64_t view_issued(const struct view *view)
{
    uint32_t high = __atomic_load_n(&view->header->laps_high, __ATOMIC_ACQUIRE);
    uint32_t head = __atomic_load_n(&view->header->head, __ATOMIC_ACQUIRE);
    high += (high ^ head >> 31) & 1u;
    uint64_t lap = (uint64_t)high << (MEMTRACE_LAP_BITS - 1u) | (head >> MEMTRACE_INDEX_BITS & (LAPS_MASK >> 1));
    return lap * view->header->events.count + (head & INDEX_MASK);
}

struct place place_of(const struct view *view, uint64_t number)
{
    uint32_t capacity = view->header->events.count;
    return (struct place){number, (uint32_t)(number % capacity), (uint32_t)(number / capacity)};
}

struct place place_next(const struct view *view, struct place place)
{
    place.number++;
    if (++place.index == view->header->events.count) {
        place.index = 0;
        place.lap++;
    }
    return place;
}

/* Of an event that lies `distance` before this place, less than the whole ring. */
static struct place place_before(const struct view *view, struct place place, uint32_t distance)
{
    bool earlier = distance > place.index;
    place.number -= distance;
    place.index += (earlier ? view->header->events.count : 0u) - distance;
    place.lap -= earlier;
    return place;
}

static memtrace_word bits_of(memtrace_word word, unsigned shift, unsigned bits)
{
    return word >> shift & (((memtrace_word)1 << bits) - 1u);
}

static struct fields fields_of(const memtrace_word words[3], memtrace_word state)
{
    return (struct fields){
        .kind = (enum memtrace_kind)bits_of(state, 0, MEMTRACE_KIND_BITS),
        .address = words[0],
        .size_heap = words[1],
        .stack = words[2] >> STACK_SHIFT,
        .owner = words[2] & OWNER_MASK,
        .time = state >> TIME_SHIFT,
        .core = (unsigned)bits_of(state, MEMTRACE_KIND_BITS, MEMTRACE_CORE_BITS),
    };
}

enum slot slot_read(const struct view *view, struct place place, struct fields *fields)
{
    const memtrace_word *slot = view->events + (size_t)place.index * 4u;
    memtrace_word state = word_load(&slot[STATE_WORD]);
    if (state == WORD_ONES || state == 0)
        return SLOT_NOT_YET;
    uint32_t later = ((uint32_t)bits_of(state, LAP_SHIFT, MEMTRACE_LAP_BITS) - place.lap) & LAPS_MASK;
    if (later != 0)
        return later <= LAPS_MASK >> 1 ? SLOT_OVERWRITTEN : SLOT_NOT_YET;
    MEMTRACE_TEST_BETWEEN();
    const memtrace_word words[3] = {word_peek(&slot[0]), word_peek(&slot[1]), word_peek(&slot[2])};
    loads_order();
    if (word_peek(&slot[STATE_WORD]) != state)
        return SLOT_OVERWRITTEN;
    *fields = fields_of(words, state);
    return SLOT_EVENT;
}

static bool record_is_about(const struct fields *record, const struct fields *event)
{
    if (event->kind == MEMTRACE_SYNC || event->kind == MEMTRACE_CALLER || event->kind == MEMTRACE_TIME)
        return false;
    if (record->kind == MEMTRACE_TIME)
        return record->time == event->time;
    return bits_of(record->owner, 0, CONTEXT_BITS) == bits_of(event->owner, 0, CONTEXT_BITS) &&
           (record->kind != MEMTRACE_REALLOC_END || event->kind == MEMTRACE_REALLOC_BEGIN);
}

/* The newest before it in any of the slots whose low bits it has. */
uint32_t record_distance(const struct view *view, struct place place, const struct fields *record)
{
    uint32_t capacity = view->header->events.count;
    uint32_t nearest = 0;
    for (memtrace_word slot = record->stack; slot < capacity; slot += STACK_MASK + 1u) {
        uint32_t index = (uint32_t)slot;
        uint32_t distance = place.index > index ? place.index - index : place.index + capacity - index;
        struct fields event;
        if (distance < capacity && distance <= place.number && (nearest == 0 || distance < nearest) &&
            slot_read(view, place_before(view, place, distance), &event) == SLOT_EVENT &&
            record_is_about(record, &event))
            nearest = distance;
    }
    return nearest;
}

uint64_t record_moment(const struct fields *record)
{
    return (uint64_t)record->size_heap << 32 | (uint32_t)record->address;
}

/* The time of the SYNC before this one. If that is not known, one by which the events before this one are as late as they may be. */
static uint64_t sync_before(const struct fields *sync)
{
    memtrace_word gap = sync->stack << STACK_SHIFT | sync->owner;
    return record_moment(sync) - (gap != WORD_ONES ? gap : TIME_SPAN - TIME_SKEW);
}

/* The header first: the SYNC that it has lies before this moment's head, and is found if it lies behind `place`. */
uint64_t moment_before(const struct view *view, struct place place)
{
    uint64_t moment = (uint64_t)u32_load(&view->header->sync_high) << 32 | u32_load(&view->header->sync_low);
    for (uint64_t end = view_issued(view); place.number < end; place = place_next(view, place)) {
        struct fields fields;
        if (slot_read(view, place, &fields) == SLOT_EVENT && fields.kind == MEMTRACE_SYNC)
            return sync_before(&fields);
    }
    return moment;
}

uint64_t time_whole(uint64_t moment, memtrace_word low)
{
    uint64_t least = moment - TIME_SKEW;
    uint64_t whole = least + ((low - least) & (TIME_SPAN - 1u));
    return whole <= (uint64_t)-1 >> 1 ? whole : 0; /* none lies before the clock's beginning */
}

unsigned stack_pcs(const struct view *view, memtrace_word number, const memtrace_word **pcs)
{
    uint32_t words = view->header->stacks.count;
    if (number == 0 || number >= words)
        return 0;
    unsigned depth = (unsigned)bits_of(view->arena[number], 0, 8);
    *pcs = view->arena + number + 1u;
    return depth <= FRAMES_MAX && depth < words - number ? depth : 0;
}
