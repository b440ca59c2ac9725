/* SPDX-License-Identifier: Apache-2.0
 *
 * How a log is made of a ring.
 *
 * Approach: the ring is the buffer between who allocates and who drains, so a sink costs an allocation nothing. The drain takes the
 * events in the order of their numbers and encodes each in full: its whole number and time, its stack and names
 * defined before it. It stops at an event that has not come (its writer was interrupted) and goes on with it the next time; when half
 * the ring waits behind it, or it has not come after some times, it is passed over. What was overwritten before it was
 * read is lost, and its numbers say so. What the sink must remember stands in the user's memory, and a copy of it is
 * kept whenever the output has taken something: so the next start goes on after a reset at any instruction.
 * Rejected: encoding at the allocation (instructions and stack in every interrupt); definitions of all stacks up front (most are
 * never named).
 * Cost: docs/explanation/performance.md. Memory: a bit for each third word of the table of stacks, some 500 bytes, the buffer.
 * Assumptions: one context at a time is in here. The clock of an event is told by a TIME record that was written before it.
 */
#include "sink.h"

#include <string.h>

#define FRAMES_MAX 32u
#define CALLER_STACK 1u   /* a number that no stack of the table has: those begin at 2 */
#define CALLER_WITHIN 64u /* events behind its own in which a caller's record is looked for */
#define PATIENCE 16u      /* drains that end at the same event, where there is no clock; else a second */
#define LEAPS_MAX 4u      /* over what was overwritten, in one drain: each looks at the whole ring */
#define STACK_WORDS 3u    /* of the smallest one in the table */
#define TEXTS_BYTES (MEMTRACE_ASSERT_FUNCTION_BYTES + MEMTRACE_ASSERT_TEXT_BYTES)
/* All that one event may bring with it. */
#define RECORDS_BYTES \
    (MEMTRACE_LOG_EVENT_BYTES + MEMTRACE_LOG_STACK_BYTES(FRAMES_MAX) + MEMTRACE_LOG_FAILURE_BYTES(TEXTS_BYTES, 0))

_Static_assert(RECORDS_BYTES <= 1024, "the least buffer that memtrace_sink.h promises to do with");
_Static_assert(sizeof(struct sink) <= 960, "and what is beside it");

static bool bit_has(const uint8_t *bits, uint32_t number)
{
    return (bits[number / 8u] & 1u << number % 8u) != 0;
}

static bool bit_take(uint8_t *bits, uint32_t number)
{
    bool taken = bit_has(bits, number);
    bits[number / 8u] |= (uint8_t)(1u << number % 8u);
    return taken;
}

static uint32_t stack_bits_bytes(const struct view *view)
{
    return (view->header->stacks.count / STACK_WORDS / 64u + 1u) * 8u;
}

static void defined_nothing(struct sink *sink)
{
    memset(sink->names, 0, sizeof sink->names);
    memset(sink->stacks, 0, stack_bits_bytes(&sink->view));
    sink->now.caller = 0;
}

/* ---- the output ---- */

void sink_keep(struct sink *sink)
{
    uint32_t other = 1u - sink->which % 2u;
    sink->kept[other] = sink->now;
    __atomic_store_n(&sink->which, other, __ATOMIC_RELEASE);
}

void sink_write(struct sink *sink)
{
    struct progress *now = &sink->now;
    sink_keep(sink);
    if (now->used != 0 && sink->ended == 0) {
        sink->open = 1;
        sink->output->taken = now->part;
        sink->ended = !sink->output->write(sink->output, sink->buffer, now->used);
        now->part += now->used;
        if (sink->ended == 0)
            now->safe = now->next.number;
    }
    now->used = 0;
    sink_keep(sink);
}

static void output_close(struct sink *sink)
{
    if (sink->open != 0 && sink->output->close != NULL && !sink->output->close(sink->output))
        sink->ended = 1;
    sink->open = 0;
    sink->polls = 0;
}

/* Room for a record, in the buffer's order. The caller adds what it has written to `used`. */
static void *room_get(struct sink *sink, size_t bytes)
{
    if (sink->room - sink->now.used < bytes)
        sink_write(sink);
    return sink->buffer + sink->now.used;
}

static bool part_has(const struct sink *sink, size_t bytes, uint32_t limit)
{
    return limit == 0 || (uint64_t)sink->now.part + sink->now.used + bytes <= limit;
}

/* ---- what is written beside events ---- */

static void counts_put(struct sink *sink)
{
    const struct memtrace_header *header = sink->view.header;
    struct memtrace_counts counts = {
        .lost_busy = u32_load(&header->lost_busy),
        .lost_stopped = u32_load(&header->lost_stopped),
        .filtered = u32_load(&header->filtered),
        .stacks_full = u32_load(&header->stacks_full),
        .names_full = u32_load(&header->names_full),
        .live_full = u32_load(&header->live_full),
        .size_capped = u32_load(&header->size_capped),
    };
    if (sink->now.begun != PART_OPEN || memcmp(&counts, &sink->now.counts, sizeof counts) == 0 ||
        !part_has(sink, MEMTRACE_LOG_COUNTS_BYTES, sink->output->part_bytes))
        return;
    sink->now.used += (uint32_t)memtrace_log_counts(room_get(sink, MEMTRACE_LOG_COUNTS_BYTES), &counts);
    sink->now.counts = counts;
}

static size_t text_length(const char *text, size_t bytes)
{
    const char *end = memchr(text, '\0', bytes);
    return end != NULL ? (size_t)(end - text) : bytes;
}

static void name_put(struct sink *sink, const struct memtrace_name *name, memtrace_word number, uint32_t kind)
{
    size_t length = text_length(name->text, sizeof name->text);
    void *to = room_get(sink, MEMTRACE_LOG_HEAP_BYTES(length));
    if (kind == MEMTRACE_NAME_HEAP) {
        struct memtrace_heap_name heap = {(uint8_t)(name->key >> MEMTRACE_KEY_MEMORY_SHIFT),
                                          (uint32_t)(name->key >> MEMTRACE_KEY_CAPABILITIES_SHIFT)};
        sink->now.used += (uint32_t)memtrace_log_heap(to, (uint8_t)name->key, &heap, name->text, length);
        return;
    }
    if (kind == MEMTRACE_NAME_TAG)
        number = (uint8_t)name->key;
    sink->now.used += (uint32_t)memtrace_log_name(to, number, (enum memtrace_name_kind)kind, name->text, length);
}

/* Entries are filled one after the other, but one may still be under way; no event has its number then. false: the part has
 * no room for one. */
static bool names_put(struct sink *sink, uint32_t limit)
{
    const struct memtrace_table *table = &sink->view.header->names;
    const char *base = (const char *)sink->view.header + table->offset;
    uint32_t count = table->count < SINK_NAMES ? table->count : SINK_NAMES;
    for (uint32_t i = MEMTRACE_CONTEXT_FIRST_TASK; i < count; i++) {
        const struct memtrace_name *name = (const struct memtrace_name *)(const void *)base + i;
        uint32_t kind = __atomic_load_n(&name->kind, __ATOMIC_ACQUIRE);
        if (kind == MEMTRACE_NAME_NONE)
            break;
        if (kind == MEMTRACE_NAME_BUSY || bit_has(sink->names, i))
            continue;
        if (!part_has(sink, MEMTRACE_LOG_HEAP_BYTES(MEMTRACE_NAME_BYTES), limit))
            return false;
        (void)bit_take(sink->names, i);
        name_put(sink, name, i, kind);
    }
    return true;
}

/* The stack's number for the log, defined now if it was not; 0: there is none. */
static memtrace_word stack_define(struct sink *sink, memtrace_word number)
{
    const memtrace_word *pcs;
    unsigned depth = stack_pcs(&sink->view, number, &pcs);
    if (depth == 0)
        return 0;
    if (!bit_take(sink->stacks, (uint32_t)number / STACK_WORDS)) {
        void *to = room_get(sink, MEMTRACE_LOG_STACK_BYTES(depth));
        sink->now.used += (uint32_t)memtrace_log_stack(to, number, pcs, depth);
    }
    return number;
}

static memtrace_word caller_define(struct sink *sink, memtrace_word pc)
{
    if (pc != sink->now.caller) {
        void *to = room_get(sink, MEMTRACE_LOG_STACK_BYTES(1));
        sink->now.used += (uint32_t)memtrace_log_stack(to, CALLER_STACK, &pc, 1);
        sink->now.caller = pc;
    }
    return CALLER_STACK;
}

static void failure_put(struct sink *sink)
{
    const struct memtrace_header *header = sink->view.header;
    void *to = room_get(sink, MEMTRACE_LOG_FAILURE_BYTES(TEXTS_BYTES, 0));
    sink->now.used += (uint32_t)memtrace_log_failure(
        to, header->assert_function, text_length(header->assert_function, sizeof header->assert_function),
        header->assert_text, text_length(header->assert_text, sizeof header->assert_text));
}

/* ---- the beginning of a part ---- */

static void header_put(struct sink *sink)
{
    const struct memtrace_header *ring = sink->view.header;
    struct memtrace_header *header = room_get(sink, MEMTRACE_LOG_HEADER_BYTES);
    memset(header, 0, sizeof *header);
    header->arch = ring->arch;
    header->abi = ring->abi;
    header->tick_hz = ring->tick_hz;
    memcpy(header->build_id, ring->build_id, sizeof header->build_id);
    header->code_region = ring->code_region;
    header->run = ring->run;
    header->started = ring->started;
    header->process = ring->process;
    sink->now.used += (uint32_t)memtrace_log_header(&sink->now.log, header);
}

/* One entry of the live table, if it is older than the next event. It may be another block's while it is read: that one is newer, and
 * its number, which is read last, says so. */
static void live_put(struct sink *sink, const memtrace_live *entry, uint64_t issued)
{
    memtrace_word address = word_load(&entry->address);
    memtrace_word size_heap = word_load(&entry->size_heap);
    memtrace_word owner = word_load(&entry->stack_context_tag);
    uint64_t number = issued - (memtrace_word)((memtrace_word)issued - word_peek(&entry->seq));
    loads_order();
    if (address <= 1u || number >= sink->now.next.number || word_peek(&entry->address) != address)
        return;
    struct memtrace_log_event block = {
        .address = address & ~(memtrace_word)1,
        .size = size_heap & SIZE_MAX_RECORDED,
        .heap = (unsigned)(size_heap >> SIZE_BITS),
        .stack = stack_define(sink, owner >> STACK_SHIFT),
        .context = owner & (((memtrace_word)1 << CONTEXT_BITS) - 1u),
        .tag = (owner & OWNER_MASK) >> CONTEXT_BITS,
    };
    sink->now.used += (uint32_t)memtrace_log_live(room_get(sink, MEMTRACE_LOG_ROW_BYTES), &block);
}

/* Blocks older than the part's first event, in no more than half of it. */
static void lives_put(struct sink *sink)
{
    const struct memtrace_table *table = &sink->view.header->live;
    const char *base = (const char *)sink->view.header + table->offset;
    uint64_t issued = view_issued(&sink->view);
    for (uint32_t i = 0; i < table->count && part_has(sink, RECORDS_BYTES, sink->output->part_bytes / 2u); i++)
        live_put(sink, (const memtrace_live *)(const void *)base + i, issued);
}

/* A header and all that stands before events; in place of the oldest part if this is not the run's first. */
static void part_begin(struct sink *sink)
{
    struct memtrace_output *output = sink->output;
    sink_write(sink);
    if (sink->now.begun != PART_NONE)
        sink->now.begun = PART_TURNS;
    sink_keep(sink);
    bool first = sink->now.begun == PART_NONE;
    bool (*begin)(struct memtrace_output *) = first ? output->begin : output->turn;
    if (begin != NULL ? !begin(output) : !first)
        sink->ended = 1;
    sink->now.begun = PART_OPEN;
    sink->now.part = 0;
    sink->now.counts = (struct memtrace_counts){0};
    defined_nothing(sink);
    header_put(sink);
    (void)names_put(sink, 0);
    lives_put(sink);
}

/* ---- events ---- */

/* Whether to go on without what has not come. */
static bool is_given_up(const struct sink *sink, uint64_t issued, bool force)
{
    uint32_t second = sink->view.header->tick_hz;
    bool late =
        second == 0 ? sink->waited >= PATIENCE : sink->waited != 0 && memtrace_port_time_full() - sink->since >= second;
    return force || late || issued - sink->now.next.number > sink->view.header->events.count / 2u;
}

/* Looks at the slots that were issued since, and notes those that may tell an event's time. */
static void ahead_look(struct sink *sink, uint64_t issued)
{
    struct ahead *ahead = &sink->ahead;
    if (ahead->seen.number <= sink->now.next.number)
        ahead->seen = place_next(&sink->view, sink->now.next);
    for (; ahead->seen.number < issued && ahead->count < SINK_AHEAD;
         ahead->seen = place_next(&sink->view, ahead->seen)) {
        struct fields fields;
        if (slot_read(&sink->view, ahead->seen, &fields) != SLOT_EVENT || fields.kind == MEMTRACE_TIME)
            ahead->places[ahead->count++] = ahead->seen;
    }
}

static uint64_t event_time(struct sink *sink, const struct fields *event, uint64_t issued)
{
    struct ahead *ahead = &sink->ahead;
    uint64_t time = time_whole(sink->now.moment, event->time);
    unsigned left = 0;
    ahead_look(sink, issued);
    for (unsigned i = 0; i < ahead->count; i++) {
        struct place place = ahead->places[i];
        struct fields fields;
        if (place.number <= sink->now.next.number)
            continue;
        ahead->places[left++] = place;
        if (slot_read(&sink->view, place, &fields) == SLOT_EVENT && fields.kind == MEMTRACE_TIME &&
            record_distance(&sink->view, place, &fields) == place.number - sink->now.next.number)
            time = record_moment(&fields);
    }
    ahead->count = left;
    return time;
}

/* The PC that a record behind the event tells. 0: none does; then `*coming` says whether one may still come. */
static memtrace_word caller_find(const struct sink *sink, uint64_t issued, bool *coming)
{
    struct place place = place_next(&sink->view, sink->now.next);
    *coming = false;
    for (unsigned distance = 1; distance <= CALLER_WITHIN; distance++, place = place_next(&sink->view, place)) {
        struct fields fields;
        if (place.number >= issued || slot_read(&sink->view, place, &fields) == SLOT_NOT_YET)
            *coming = true;
        else if (fields.kind == MEMTRACE_CALLER && record_distance(&sink->view, place, &fields) == distance)
            return fields.address;
        if (place.number >= issued)
            break;
    }
    return 0;
}

static bool has_stack(enum memtrace_kind kind)
{
    return (kind >= MEMTRACE_ALLOC && kind <= MEMTRACE_REALLOC_BEGIN) || kind == MEMTRACE_ALLOC_FAILED ||
           kind == MEMTRACE_ASSERT;
}

/* The stack field for the log. false: a record that tells it may still come. */
static bool event_stack(struct sink *sink, const struct fields *event, uint64_t issued, bool force,
                        memtrace_word *stack)
{
    bool coming = false;
    *stack = 0;
    if (event->kind == MEMTRACE_REALLOC_END) {
        *stack = record_distance(&sink->view, sink->now.next, event) & STACK_MASK;
    } else if (event->stack != 0 && has_stack(event->kind)) {
        *stack = stack_define(sink, event->stack);
    } else if (has_stack(event->kind) && u32_load(&sink->view.header->stacks_full) != 0) {
        memtrace_word pc = caller_find(sink, issued, &coming);
        if (pc != 0)
            *stack = caller_define(sink, pc);
        else if (coming && !is_given_up(sink, issued, force))
            return false;
    }
    return true;
}

static bool failure_has_come(const struct sink *sink, uint64_t issued, bool force)
{
    return __atomic_load_n(&sink->view.header->state, __ATOMIC_ACQUIRE) == MEMTRACE_FROZEN ||
           is_given_up(sink, issued, force);
}

/* Any event but those that are about others. */
static bool event_put(struct sink *sink, const struct fields *event, uint64_t issued, bool force)
{
    struct memtrace_log_event row = {
        .kind = event->kind,
        .core = event->core,
        .number = sink->now.next.number,
        .address = event->address,
        .size = event->size_heap & SIZE_MAX_RECORDED,
        .heap = (unsigned)(event->size_heap >> SIZE_BITS),
        .context = event->owner & (((memtrace_word)1 << CONTEXT_BITS) - 1u),
        .tag = event->owner >> CONTEXT_BITS,
    };
    if (event->kind == MEMTRACE_ASSERT && !failure_has_come(sink, issued, force))
        return false;
    if (!event_stack(sink, event, issued, force, &row.stack))
        return false;
    if (sink->view.header->tick_hz != 0)
        row.time = event_time(sink, event, issued);
    void *to = room_get(sink, MEMTRACE_LOG_EVENT_BYTES);
    sink->now.used += (uint32_t)memtrace_log_event(&sink->now.log, to, &row);
    if (event->kind == MEMTRACE_ASSERT)
        failure_put(sink);
    return true;
}

/* What stands in the next slot. false: it waits for another one. */
static bool fields_put(struct sink *sink, const struct fields *fields, uint64_t issued, bool force)
{
    uint64_t number = sink->now.next.number;
    if (fields->kind == MEMTRACE_SYNC) {
        sink->now.moment = record_moment(fields);
        void *to = room_get(sink, MEMTRACE_LOG_ROW_BYTES);
        sink->now.used += (uint32_t)memtrace_log_sync(&sink->now.log, to, number, sink->now.moment);
    } else if (fields->kind == MEMTRACE_CALLER || fields->kind == MEMTRACE_TIME) {
        struct memtrace_log_event row = {.kind = fields->kind, .number = number};
        void *to = room_get(sink, MEMTRACE_LOG_EVENT_BYTES);
        sink->now.used += (uint32_t)memtrace_log_event(&sink->now.log, to, &row);
    } else {
        return event_put(sink, fields, issued, force);
    }
    return true;
}

/* Goes on where the ring will not be written over at once. What it passes over is lost. */
static void next_skip(struct sink *sink, uint64_t issued)
{
    uint32_t capacity = sink->view.header->events.count;
    uint64_t number = sink->now.next.number + 1u;
    if (issued - number > capacity - capacity / 8u)
        number = issued - (capacity - capacity / 8u);
    sink->now.next = place_of(&sink->view, number);
    sink->now.moment = moment_before(&sink->view, sink->now.next);
    sink->ahead.count = 0;
    sink->ahead.seen = sink->now.next;
}

/* One slot. SLOT_OVERWRITTEN: all before what can be read again was passed over; SLOT_NOT_YET: nothing more can be taken now. */
static enum slot next_take(struct sink *sink, uint64_t *issued, bool force)
{
    struct fields fields;
    enum slot slot = slot_read(&sink->view, sink->now.next, &fields);
    if (slot == SLOT_NOT_YET && *issued - sink->now.next.number > sink->view.header->events.count)
        slot = SLOT_OVERWRITTEN;
    if (slot == SLOT_OVERWRITTEN) {
        *issued = view_issued(&sink->view);
        next_skip(sink, *issued);
        return slot;
    }
    if (slot == SLOT_NOT_YET && !is_given_up(sink, *issued, force))
        return slot;
    if (slot == SLOT_EVENT) {
        if (!fields_put(sink, &fields, *issued, force))
            return SLOT_NOT_YET;
        sink->waited = 0;
    }
    sink->now.next = place_next(&sink->view, sink->now.next);
    return SLOT_EVENT;
}

/* Begins the next part if this one is full; false: there is no room even in a new one. */
static bool part_ready(struct sink *sink, bool fits)
{
    if (!fits || !part_has(sink, RECORDS_BYTES, sink->output->part_bytes))
        part_begin(sink);
    if (!part_has(sink, RECORDS_BYTES, sink->output->part_bytes)) /* which the output may have changed */
        sink->ended = 1;
    return sink->ended == 0;
}

static void wait_note(struct sink *sink)
{
    if (sink->waited++ == 0)
        sink->since = memtrace_port_time_full();
}

/* Each slot of the ring once, at most, and few leaps: who drains returns, however fast others write. */
void sink_drain(struct sink *sink, bool force)
{
    uint64_t issued = view_issued(&sink->view);
    if (issued == sink->now.next.number || sink->ended != 0)
        return;
    bool fits = sink->now.begun == PART_OPEN && names_put(sink, sink->output->part_bytes);
    unsigned leaps = 0;
    for (uint32_t left = sink->view.header->events.count; left > 0 && leaps <= LEAPS_MAX && part_ready(sink, fits);
         left--) {
        fits = true;
        if (sink->now.next.number >= issued)
            break;
        enum slot slot = next_take(sink, &issued, force);
        if (slot == SLOT_OVERWRITTEN) { /* events up to a later one are read now, which may have new names */
            leaps++;
            fits = names_put(sink, sink->output->part_bytes);
        } else if (slot == SLOT_NOT_YET) {
            wait_note(sink);
            break;
        }
    }
}

void sink_finish(struct sink *sink)
{
    for (unsigned looks = 0; looks < PATIENCE; looks++)
        sink_drain(sink, false);
    sink_drain(sink, true);
    sink_flush(sink);
}

void sink_flush(struct sink *sink)
{
    counts_put(sink);
    sink_write(sink);
    output_close(sink);
}

/* ---- a sink's memory ---- */

static bool memory_fits(const void *memory, size_t bytes)
{
    return memory != NULL && (uintptr_t)memory % 8u == 0 && bytes >= sizeof(struct sink);
}

/* Where everything lies; false: the memory is too small. */
static bool sink_lay(struct sink *sink, size_t bytes, const struct memtrace_header *ring)
{
    struct view view = view_of(ring);
    size_t own = (sizeof *sink + stack_bits_bytes(&view) + 7u) & ~(size_t)7;
    if (bytes > UINT32_MAX || bytes < own + RECORDS_BYTES || ring->events.count == 0)
        return false;
    sink->view = view;
    sink->buffer = (uint8_t *)sink + own;
    sink->room = (uint32_t)(bytes - own) & ~7u;
    sink->bytes = (uint32_t)bytes;
    return true;
}

bool sink_make(void *memory, size_t bytes, const struct memtrace_header *ring, struct memtrace_output *output)
{
    struct sink *sink = memory;
    if (!memory_fits(memory, bytes) || !sink_lay(sink, bytes, ring))
        return false;
    uint64_t issued = view_issued(&sink->view);
    uint64_t first = issued > ring->events.count ? issued - ring->events.count : 0;
    sink->magic = 0;
    memset(&sink->now, 0, offsetof(struct sink, stacks) - offsetof(struct sink, now));
    sink->output = output;
    sink->run = ring->run;
    sink->now.next = place_of(&sink->view, first);
    sink->now.safe = first;
    sink->now.moment = moment_before(&sink->view, sink->now.next);
    sink_keep(sink);
    u32_publish(&sink->magic, SINK_MAGIC);
    return true;
}

struct sink *sink_resume(void *memory, size_t bytes, const struct memtrace_header *ring,
                         const struct memtrace_output *output)
{
    struct sink *sink = memory;
    if (!memory_fits(memory, bytes) || sink->magic != SINK_MAGIC || sink->bytes != bytes || sink->view.header != ring ||
        sink->output != output || sink->run != ring->run || !sink_lay(sink, bytes, ring))
        return NULL;
    sink->now = sink->kept[sink->which % 2u];
    if (sink->now.used > sink->room || sink->now.next.number > view_issued(&sink->view))
        return NULL;
    sink->now.next = place_of(&sink->view, sink->now.next.number);
    sink->ahead = (struct ahead){.seen = sink->now.next};
    sink->open = 1;
    defined_nothing(sink); /* what was defined behind the copy is not in the log */
    sink_write(sink);      /* alone: it may be what the reset has cut short */
    return sink;
}
