/* SPDX-License-Identifier: Apache-2.0 */
#include "reader.h"

#include <stdlib.h>
#include <string.h>

#include "world.h"

enum { BITS_OF_LAP = 12, BITS_OF_INDEX = 20 };

/* ---- words ---- */

static unsigned word_bits(const struct reader *reader)
{
    return 8u * reader->header.pointer_size;
}

static uint64_t word_at(const struct reader *reader, size_t offset)
{
    if (reader->header.pointer_size == 8) {
        uint64_t word;
        memcpy(&word, reader->bytes + offset, sizeof word);
        return word;
    }
    uint32_t word;
    memcpy(&word, reader->bytes + offset, sizeof word);
    return word;
}

static uint64_t bits(uint64_t word, unsigned shift, unsigned width)
{
    return word >> shift & (((uint64_t)1 << width) - 1);
}

/* ---- the ring as a whole ---- */

/* laps_high counts how often the lap's low 11 bits wrapped; a writer may stand between the wrap and the count. */
static uint64_t issued_of(const struct memtrace_header *header)
{
    uint64_t turns = header->laps_high;
    if ((turns & 1) != header->head >> 31)
        turns++;
    uint64_t lap = turns << (BITS_OF_LAP - 1) | bits(header->head, BITS_OF_INDEX, BITS_OF_LAP - 1);
    return lap * header->events.count + bits(header->head, 0, BITS_OF_INDEX);
}

struct reader reader_open(const struct memtrace_header *ring)
{
    struct reader reader = {.header = *ring};
    unsigned char *copy = malloc(ring->total_size);
    CHECK(copy != NULL && ring->self == (uintptr_t)ring);
    memcpy(copy, ring, ring->total_size);
    reader.bytes = copy;
    reader.issued = issued_of(&reader.header);
    return reader;
}

void reader_close(struct reader *reader)
{
    free((void *)(uintptr_t)reader->bytes);
    reader->bytes = NULL;
}

/* ---- one event ---- */

static void decode_state(const struct reader *reader, struct seen *seen)
{
    const struct memtrace_header *header = &reader->header;
    unsigned time_shift = word_bits(reader) - header->time_bits;
    unsigned seq_shift = time_shift - header->seq_bits;
    unsigned core_shift = seq_shift - header->core_bits;
    seen->kind = (unsigned)bits(seen->words[3], 0, core_shift);
    seen->core = (unsigned)bits(seen->words[3], core_shift, header->core_bits);
    seen->lap = (uint32_t)bits(seen->words[3], seq_shift, header->seq_bits);
    seen->time = (uint32_t)bits(seen->words[3], time_shift, header->time_bits);
}

static void decode_owner(const struct reader *reader, struct seen *seen)
{
    const struct memtrace_header *header = &reader->header;
    unsigned stack_shift = word_bits(reader) - header->stack_bits;
    seen->context = (unsigned)bits(seen->words[2], 0, header->context_bits);
    seen->tag = (unsigned)bits(seen->words[2], header->context_bits, stack_shift - header->context_bits);
    seen->stack = bits(seen->words[2], stack_shift, header->stack_bits);
}

static struct seen decode(const struct reader *reader, size_t offset)
{
    struct seen seen;
    for (unsigned i = 0; i < 4; i++)
        seen.words[i] = word_at(reader, offset + i * reader->header.pointer_size);
    seen.address = seen.words[0];
    seen.size = bits(seen.words[1], 0, reader->header.size_bits);
    seen.heap = (unsigned)bits(seen.words[1], reader->header.size_bits, word_bits(reader) - reader->header.size_bits);
    decode_owner(reader, &seen);
    decode_state(reader, &seen);
    return seen;
}

struct seen reader_slot(const struct reader *reader, uint32_t index)
{
    CHECK(index < reader->header.events.count);
    return decode(reader, reader->header.events.offset + (size_t)index * reader->header.event_size);
}

bool reader_event(const struct reader *reader, uint64_t sequence, struct seen *seen)
{
    uint32_t count = reader->header.events.count;
    if (sequence >= reader->issued || reader->issued - sequence > count)
        return false;
    *seen = reader_slot(reader, (uint32_t)(sequence % count));
    uint32_t lap = (uint32_t)(sequence / count & ((1u << BITS_OF_LAP) - 1));
    return seen->kind != MEMTRACE_EMPTY && seen->kind != MEMTRACE_BUSY && seen->lap == lap;
}

uint64_t reader_first(const struct reader *reader)
{
    uint32_t count = reader->header.events.count;
    return reader->issued > count ? reader->issued - count : 0;
}

uint32_t reader_kept(const struct reader *reader)
{
    uint32_t kept = 0;
    struct seen seen;
    for (uint64_t sequence = reader_first(reader); sequence < reader->issued; sequence++)
        kept += reader_event(reader, sequence, &seen);
    return kept;
}

uint32_t reader_busy(const struct reader *reader)
{
    uint32_t busy = 0;
    for (uint32_t i = 0; i < reader->header.events.count; i++)
        busy += reader_slot(reader, i).kind == MEMTRACE_BUSY;
    return busy;
}

uint32_t reader_count(const struct reader *reader, unsigned kind)
{
    uint32_t count = 0;
    struct seen seen;
    for (uint64_t sequence = reader_first(reader); sequence < reader->issued; sequence++)
        count += reader_event(reader, sequence, &seen) && seen.kind == kind;
    return count;
}

uint64_t reader_last_sequence(const struct reader *reader, unsigned kind)
{
    struct seen seen;
    for (uint64_t sequence = reader->issued; sequence-- > reader_first(reader);) {
        if (reader_event(reader, sequence, &seen) && seen.kind == kind)
            return sequence;
    }
    fprintf(stderr, "no event of kind %u\n", kind);
    exit(1);
}

struct seen reader_last(const struct reader *reader, unsigned kind)
{
    struct seen seen = {0};
    CHECK(reader_event(reader, reader_last_sequence(reader, kind), &seen));
    return seen;
}

/* ---- what events name ---- */

static unsigned stack_of_number(const struct reader *reader, uint64_t number, uint64_t pcs[32])
{
    const struct memtrace_table *arena = &reader->header.stacks;
    CHECK(number < arena->count);
    size_t offset = arena->offset + (size_t)number * arena->entry_size;
    unsigned depth = (unsigned)(word_at(reader, offset) & 0xff);
    CHECK(depth >= 1 && depth <= 32 && number + 1 + depth <= arena->count);
    for (unsigned i = 0; i < depth; i++)
        pcs[i] = word_at(reader, offset + (1 + i) * arena->entry_size);
    return depth;
}

unsigned reader_stack(const struct reader *reader, uint64_t sequence, uint64_t pcs[32])
{
    struct seen seen;
    struct seen after;
    CHECK(reader_event(reader, sequence, &seen));
    if (seen.stack != 0)
        return stack_of_number(reader, seen.stack, pcs);
    uint64_t slot = sequence % reader->header.events.count & (((uint64_t)1 << reader->header.stack_bits) - 1);
    for (uint64_t at = sequence + 1; at < reader->issued; at++) {
        if (reader_event(reader, at, &after) && after.kind == MEMTRACE_CALLER && after.stack == slot) {
            pcs[0] = after.address;
            return 1;
        }
    }
    return 0;
}

int64_t reader_link(const struct reader *reader, uint64_t sequence)
{
    struct seen seen;
    struct seen begin;
    CHECK(reader_event(reader, sequence, &seen) && seen.kind == MEMTRACE_REALLOC_END);
    for (uint64_t found = sequence; found-- > reader_first(reader);) {
        uint64_t slot = found % reader->header.events.count & (((uint64_t)1 << reader->header.stack_bits) - 1);
        bool meant = slot == seen.stack && reader_event(reader, found, &begin);
        if (meant && begin.kind == MEMTRACE_REALLOC_BEGIN && begin.context == seen.context)
            return (int64_t)found;
    }
    return LINK_NONE;
}

/* ---- time: by the SYNC before an event, or a record of its own ---- */

static uint64_t moment_of(const struct seen *record)
{
    return record->words[1] << 32 | record->words[0];
}

/* The time of the last SYNC before the first event that is left. */
static uint64_t moment_first(const struct reader *reader)
{
    struct seen seen;
    for (uint64_t at = reader_first(reader); at < reader->issued; at++) {
        if (reader_event(reader, at, &seen) && seen.kind == MEMTRACE_SYNC) {
            uint64_t unknown = word_bits(reader) == 64 ? UINT64_MAX : UINT32_MAX;
            return seen.words[2] == unknown ? TIME_UNKNOWN : moment_of(&seen) - seen.words[2];
        }
    }
    const struct memtrace_header *header = &reader->header;
    return header->time_low == header->sync_low ? (uint64_t)header->sync_high << 32 | header->sync_low : TIME_UNKNOWN;
}

static void times_tell(const struct reader *reader, uint64_t *times)
{
    uint64_t span = (uint64_t)1 << reader->header.time_bits;
    uint64_t moment = moment_first(reader);
    struct seen seen;
    for (uint64_t at = reader_first(reader); at < reader->issued; at++, times++) {
        *times = TIME_UNKNOWN;
        if (!reader_event(reader, at, &seen))
            continue;
        if (seen.kind == MEMTRACE_SYNC)
            moment = moment_of(&seen);
        uint64_t least = moment - span / 4;
        if (moment != TIME_UNKNOWN)
            *times = least + ((seen.time - least) & (span - 1));
    }
}

uint64_t *reader_times(const struct reader *reader)
{
    uint64_t first = reader_first(reader);
    uint64_t *times = malloc(sizeof *times * (size_t)(reader->issued - first + 1));
    struct seen record;
    struct seen seen;
    CHECK(times != NULL);
    times_tell(reader, times);
    for (uint64_t at = first; at < reader->issued; at++) {
        if (!reader_event(reader, at, &record) || record.kind != MEMTRACE_TIME)
            continue;
        for (uint64_t found = at; found-- > first;) {
            uint64_t slot = found % reader->header.events.count & (((uint64_t)1 << reader->header.stack_bits) - 1);
            if (slot == record.stack && reader_event(reader, found, &seen) && seen.time == record.time) {
                times[found - first] = moment_of(&record);
                break;
            }
        }
    }
    return times;
}

uint64_t reader_time(const struct reader *reader, uint64_t sequence)
{
    uint64_t *times = reader_times(reader);
    uint64_t time = times[sequence - reader_first(reader)];
    free(times);
    return time;
}

/* ---- tables ---- */

const struct memtrace_name *reader_name(const struct reader *reader, uint32_t number)
{
    CHECK(number < reader->header.names.count);
    return (const void *)(reader->bytes + reader->header.names.offset + number * sizeof(struct memtrace_name));
}

bool reader_live(const struct reader *reader, uint64_t address, struct seen *seen, uint32_t *sequence, bool *moving)
{
    const struct memtrace_table *live = &reader->header.live;
    for (uint32_t i = 0; i < live->count; i++) {
        *seen = decode(reader, live->offset + (size_t)i * live->entry_size);
        if (seen->address > 1 && (seen->address & ~(uint64_t)1) == address) {
            *sequence = (uint32_t)seen->words[3];
            *moving = (seen->address & 1) != 0;
            return true;
        }
    }
    return false;
}

uint32_t reader_live_count(const struct reader *reader)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < reader->header.live.count; i++)
        count += decode(reader, reader->header.live.offset + (size_t)i * reader->header.live.entry_size).address > 1;
    return count;
}
