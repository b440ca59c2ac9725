/* SPDX-License-Identifier: Apache-2.0
 *
 * A ring as its reader sees it. ring_view.h tells the approach.
 */
#include "ring_view.h"

#define FRAMES_MAX 32u
#define LAPS_MASK (((uint32_t)1 << MEMTRACE_LAP_BITS) - 1u)
#define TIME_WITHIN 64u /* events behind its own in which a TIME record is looked for */
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

struct place place_head(const struct view *view)
{
    uint32_t head = u32_load(&view->header->head);
    uint32_t index = head & INDEX_MASK, capacity = view->header->events.count;
    return (struct place){view_issued(view), index % capacity, (head >> MEMTRACE_INDEX_BITS) + index / capacity};
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

struct place place_before(const struct view *view, struct place place, uint32_t distance)
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

bool event_back(const struct view *view, struct place head, memtrace_word back, struct fields *event)
{
    return back - 1u < view->header->events.count && back <= head.number &&
           slot_read(view, place_before(view, head, (uint32_t)back), event) == SLOT_EVENT;
}

/* The whole time of an event that is there. The record that tells it lies behind the event, the SYNC that events are told from before
 * it; those before the first one from 0. false: it is not in the ring any more. */
static bool event_moment(const struct view *view, struct place head, memtrace_word back, const struct fields *event,
                         uint64_t *moment)
{
    struct fields fields;
    uint32_t slot = place_before(view, head, (uint32_t)back).index & STACK_MASK;
    for (memtrace_word at = back - 1u; at > 0 && back - at <= TIME_WITHIN; at--) {
        if (event_back(view, head, at, &fields) && fields.kind == MEMTRACE_TIME && fields.time == event->time &&
            fields.stack == slot) {
            *moment = record_moment(&fields);
            return true;
        }
    }
    memtrace_word sync = back;
    while (sync <= view->header->events.count && sync <= head.number &&
           (!event_back(view, head, sync, &fields) || fields.kind != MEMTRACE_SYNC))
        sync++;
    if (sync > view->header->events.count)
        return false;
    *moment = time_whole(sync <= head.number ? record_moment(&fields) : 0, event->time);
    return true;
}

bool event_age(const struct view *view, struct place head, memtrace_word back, memtrace_word address, uint32_t *age)
{
    struct fields event;
    uint64_t moment;
    if (MEMTRACE_PORT_TICK_HZ == 0 || !event_back(view, head, back, &event) ||
        (address != 0 && event.address != address) || !event_moment(view, head, back, &event, &moment))
        return false;
    uint64_t ticks = memtrace_port_time_full() - moment;
    *age = ticks <= UINT32_MAX ? (uint32_t)ticks : UINT32_MAX;
    return true;
}

bool live_read(const memtrace_live *entry, memtrace_live *copy)
{
    copy->address = word_load(&entry->address);
    copy->seq = word_load(&entry->seq);
    copy->size_heap = word_peek(&entry->size_heap);
    copy->stack_context_tag = word_peek(&entry->stack_context_tag);
    MEMTRACE_TEST_BETWEEN();
    loads_order();
    return copy->address > 1u && word_peek(&entry->address) == copy->address && word_peek(&entry->seq) == copy->seq;
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

bool name_equals(const char *padded, const char *text)
{
    unsigned i = 0;
    while (i < MEMTRACE_NAME_BYTES && padded[i] == text[i] && text[i] != '\0')
        i++;
    return i == MEMTRACE_NAME_BYTES || padded[i] == text[i];
}

const char *context_name(const struct view *view, uint32_t context)
{
    static const char fixed[MEMTRACE_CONTEXT_FIRST_TASK][8] = {"startup", "ISR", "other"};
    if (context < MEMTRACE_CONTEXT_FIRST_TASK)
        return fixed[context];
    return context < view->header->names.count ? names_of(view)[context].text : "";
}

unsigned heap_memory(const struct view *view, unsigned heap)
{
    const struct memtrace_name *name = names_of(view);
    unsigned memory = MEMTRACE_MEMORY_UNKNOWN;
    for (uint32_t left = view->header->names.count; left > 0; left--, name++) {
        if (__atomic_load_n(&name->kind, __ATOMIC_ACQUIRE) == MEMTRACE_NAME_HEAP && (uint8_t)name->key == heap)
            memory = (uint8_t)(name->key >> MEMTRACE_KEY_MEMORY_SHIFT);
    }
    return memory <= MEMTRACE_MEMORY_DEVICE ? memory : MEMTRACE_MEMORY_UNKNOWN;
}
