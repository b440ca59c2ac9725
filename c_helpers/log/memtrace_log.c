/* SPDX-License-Identifier: Apache-2.0
 *
 * One record of a log into the caller's buffer. memtrace_log.h tells the approach.
 */
#include "memtrace_log.h"

#include <string.h>

/* A part of a record's payload. */
struct part {
    const void *bytes;
    size_t count;
};

#define PARTS_MAX 3u

size_t memtrace_log_header(struct memtrace_log *log, struct memtrace_header *header)
{
    struct memtrace_header given = *header;
    *log = (struct memtrace_log){0, 0};
    *header = (struct memtrace_header){
        .magic = {MEMTRACE_MAGIC_FIRST, MEMTRACE_MAGIC_REST},
        .byte_order = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? MEMTRACE_LITTLE : MEMTRACE_BIG,
        .pointer_size = sizeof(memtrace_word),
        .arch = given.arch,
        .abi = given.abi,
        .version = MEMTRACE_FORMAT_VERSION,
        .header_size = sizeof *header,
        .event_size = sizeof(memtrace_event),
        .flags = MEMTRACE_FLAG_LOG,
        .size_bits = SIZE_BITS,
        .stack_bits = STACK_BITS,
        .context_bits = CONTEXT_BITS,
        .time_bits = TIME_BITS,
        .seq_bits = SEQ_BITS,
        .core_bits = MEMTRACE_CORE_BITS,
        .tick_hz = given.tick_hz,
        .code_region = given.code_region,
        .required = given.required,
        .run = given.run,
        .started = given.started,
        .process = given.process,
    };
    memcpy(header->build_id, given.build_id, sizeof header->build_id);
    return sizeof *header;
}

static memtrace_word state_of(uint64_t number, uint64_t time, unsigned core, enum memtrace_kind kind)
{
    memtrace_word seq = (memtrace_word)number & (((memtrace_word)1 << SEQ_BITS) - 1u);
    return (memtrace_word)time << TIME_SHIFT | seq << LAP_SHIFT | (memtrace_word)core << MEMTRACE_KIND_BITS |
           (memtrace_word)kind;
}

/* Of an event whose number is `number`, or of its own: then the event behind it has the number that follows. */
static void sync_put(struct memtrace_log *log, memtrace_word *to, uint64_t number, uint64_t next, uint64_t time)
{
    to[0] = (uint32_t)time;
    to[1] = (uint32_t)(time >> 32);
    to[2] = (memtrace_word)next;
    to[3] = state_of(number, time, 0, MEMTRACE_SYNC);
    *log = (struct memtrace_log){next, time};
}

size_t memtrace_log_sync(struct memtrace_log *log, void *to, uint64_t number, uint64_t time)
{
    sync_put(log, to, number, number + 1u, time);
    return sizeof(memtrace_event);
}

/* Do the low bits of its number and time tell all of them? */
static bool event_is_told(const struct memtrace_log *log, const struct memtrace_log_event *event)
{
    bool timeless = event->kind == MEMTRACE_CALLER || event->kind == MEMTRACE_TIME;
    return event->number - log->next < (uint64_t)1 << SEQ_BITS &&
           (timeless || event->time - log->time + TIME_SKEW < (uint64_t)1 << TIME_BITS);
}

/* The first three words of an event, or of a block. */
static void row_put(memtrace_word *to, const struct memtrace_log_event *event)
{
    memtrace_word size = event->size <= SIZE_MAX_RECORDED ? event->size : SIZE_MAX_RECORDED;
    to[0] = event->address;
    to[1] = size | (memtrace_word)event->heap << SIZE_BITS;
    to[2] = event->stack << STACK_SHIFT | event->tag << CONTEXT_BITS | event->context;
}

size_t memtrace_log_event(struct memtrace_log *log, void *to, const struct memtrace_log_event *event)
{
    memtrace_word *words = to;
    size_t bytes = sizeof(memtrace_event);
    if (!event_is_told(log, event)) {
        sync_put(log, words, event->number, event->number, event->time);
        words += 4;
        bytes += sizeof(memtrace_event);
    }
    row_put(words, event);
    words[3] = state_of(event->number, event->time, event->core, event->kind);
    log->next = event->number + 1u;
    return bytes;
}

size_t memtrace_log_live(void *to, const struct memtrace_log_event *block)
{
    row_put(to, block);
    ((memtrace_word *)to)[3] = MEMTRACE_LIVE_BLOCK;
    return sizeof(memtrace_event);
}

/* A record with a payload: its row, then the parts, then zeros up to a whole number of events. */
static size_t payload_put(void *to, enum memtrace_kind kind, memtrace_word address, unsigned heap,
                          const struct part parts[PARTS_MAX])
{
    memtrace_word *row = to;
    char *payload = (char *)to + sizeof(memtrace_event);
    size_t size = 0;
    for (unsigned i = 0; i < PARTS_MAX; i++) {
        if (parts[i].count != 0)
            memcpy(payload + size, parts[i].bytes, parts[i].count);
        size += parts[i].count;
    }
    size_t bytes = MEMTRACE_LOG_PAYLOAD_BYTES(size);
    memset(payload + size, 0, bytes - sizeof(memtrace_event) - size);
    row[0] = address;
    row[1] = (memtrace_word)size | (memtrace_word)heap << SIZE_BITS;
    row[2] = 0;
    row[3] = (memtrace_word)kind;
    return bytes;
}

size_t memtrace_log_stack(void *to, memtrace_word number, const memtrace_word *pcs, unsigned depth)
{
    const struct part parts[PARTS_MAX] = {{pcs, depth * sizeof *pcs}};
    return payload_put(to, MEMTRACE_DEF_STACK, number, 0, parts);
}

size_t memtrace_log_name(void *to, memtrace_word number, enum memtrace_name_kind kind, const char *text, size_t length)
{
    const struct part parts[PARTS_MAX] = {{text, length}};
    return payload_put(to, MEMTRACE_DEF_NAME, number, kind, parts);
}

size_t memtrace_log_heap(void *to, memtrace_word number, const struct memtrace_heap_name *memory, const char *text,
                         size_t length)
{
    const struct part parts[PARTS_MAX] = {{memory, sizeof *memory}, {text, length}};
    return payload_put(to, MEMTRACE_DEF_NAME, number, MEMTRACE_NAME_HEAP, parts);
}

size_t memtrace_log_module(void *to, uintptr_t base, const uint8_t *id, uint8_t id_bytes, const char *path,
                           size_t length)
{
    const struct part parts[PARTS_MAX] = {{&id_bytes, 1}, {id, id_bytes}, {path, length}};
    return payload_put(to, MEMTRACE_DEF_MODULE, base, 0, parts);
}

size_t memtrace_log_stream(void *to, memtrace_word number, const struct memtrace_stream *stream)
{
    const struct part parts[PARTS_MAX] = {{stream, sizeof *stream}};
    return payload_put(to, MEMTRACE_STREAM, number, 0, parts);
}

size_t memtrace_log_counts(void *to, const struct memtrace_counts *counts)
{
    const struct part parts[PARTS_MAX] = {{counts, sizeof *counts}};
    return payload_put(to, MEMTRACE_COUNTS, 0, 0, parts);
}

size_t memtrace_log_failure(void *to, const char *function, size_t function_length, const char *text, size_t length)
{
    const struct part parts[PARTS_MAX] = {{function, function_length}, {"", 1}, {text, length}};
    return payload_put(to, MEMTRACE_FAILURE, 0, 0, parts);
}
