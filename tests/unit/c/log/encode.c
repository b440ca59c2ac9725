/* SPDX-License-Identifier: Apache-2.0
 *
 * The encoder of logs behind a line of text each: what it says on standard input is a record on standard output. A record is made in memory
 * of just the bytes that its macro asks for, so that ASan sees each byte too many.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memtrace_log.h"

static struct memtrace_log streams[4];
static struct memtrace_log *stream = &streams[0];
static void *record;

static void *room(size_t bytes)
{
    free(record);
    record = malloc(bytes);
    if (record == NULL)
        exit(2);
    memset(record, 0xa5, bytes);
    return record;
}

static const char *word_next(void)
{
    const char *word = strtok(NULL, " \n");
    return word != NULL ? word : "";
}

static uint64_t number_next(void)
{
    return strtoull(word_next(), NULL, 0);
}

static struct memtrace_log_event event_next(void)
{
    struct memtrace_log_event event = {.kind = (enum memtrace_kind)number_next()};
    event.number = number_next();
    event.time = number_next();
    event.address = (memtrace_word)number_next();
    event.size = (memtrace_word)number_next();
    event.heap = (unsigned)number_next();
    event.stack = (memtrace_word)number_next();
    event.context = (memtrace_word)number_next();
    event.tag = (memtrace_word)number_next();
    event.core = (unsigned)number_next();
    return event;
}

static size_t header_encode(void)
{
    struct memtrace_header *header = room(MEMTRACE_LOG_HEADER_BYTES);
    header->arch = MEMTRACE_ARCH_X86;
    header->abi = MEMTRACE_ABI_FRAME_POINTER;
    header->tick_hz = (uint32_t)number_next();
    header->run = (uint32_t)number_next();
    header->required = (uint32_t)number_next();
    header->started = 1;
    header->process = 2;
    header->code_region = 0;
    memset(header->build_id, 0xb1, sizeof header->build_id);
    return memtrace_log_header(stream, header);
}

static size_t stack_encode(void)
{
    memtrace_word pcs[MEMTRACE_LOG_DEPTH];
    memtrace_word number = (memtrace_word)number_next();
    unsigned depth = (unsigned)number_next();
    memtrace_word first = (memtrace_word)number_next();
    for (unsigned i = 0; i < depth && i < MEMTRACE_LOG_DEPTH; i++)
        pcs[i] = first + i;
    return memtrace_log_stack(room(MEMTRACE_LOG_STACK_BYTES(depth)), number, pcs, depth);
}

static size_t name_encode(void)
{
    memtrace_word number = (memtrace_word)number_next();
    enum memtrace_name_kind kind = (enum memtrace_name_kind)number_next();
    const char *text = word_next();
    return memtrace_log_name(room(MEMTRACE_LOG_PAYLOAD_BYTES(strlen(text))), number, kind, text, strlen(text));
}

static size_t heap_encode(void)
{
    memtrace_word number = (memtrace_word)number_next();
    struct memtrace_heap_name memory = {.memory = (uint32_t)number_next()};
    memory.capabilities = (uint32_t)number_next();
    const char *text = word_next();
    return memtrace_log_heap(room(MEMTRACE_LOG_HEAP_BYTES(strlen(text))), number, &memory, text, strlen(text));
}

static size_t module_encode(void)
{
    uintptr_t base = (uintptr_t)number_next();
    const char *id = word_next();
    const char *path = word_next();
    size_t bytes = MEMTRACE_LOG_MODULE_BYTES(strlen(id), strlen(path));
    return memtrace_log_module(room(bytes), base, (const uint8_t *)id, (uint8_t)strlen(id), path, strlen(path));
}

static size_t counts_encode(void)
{
    struct memtrace_counts counts = {.lost_busy = (uint32_t)number_next()};
    counts.stacks_full = (uint32_t)number_next();
    counts.dropped = (uint32_t)number_next();
    return memtrace_log_counts(room(MEMTRACE_LOG_COUNTS_BYTES), &counts);
}

static size_t failure_encode(void)
{
    const char *function = word_next();
    const char *text = word_next();
    size_t bytes = MEMTRACE_LOG_FAILURE_BYTES(strlen(function), strlen(text));
    return memtrace_log_failure(room(bytes), function, strlen(function), text, strlen(text));
}

/* Of a region of as many rows. */
static size_t stream_encode(void)
{
    unsigned number = (unsigned)number_next() % 4u;
    struct memtrace_stream region = {.bytes = number_next()};
    region.least_time = number_next();
    stream = &streams[number];
    return memtrace_log_stream(room(MEMTRACE_LOG_STREAM_BYTES), number, &region);
}

static size_t event_encode(void)
{
    struct memtrace_log_event event = event_next();
    return memtrace_log_event(stream, room(MEMTRACE_LOG_EVENT_BYTES), &event);
}

static size_t live_encode(void)
{
    struct memtrace_log_event block = event_next();
    return memtrace_log_live(room(MEMTRACE_LOG_ROW_BYTES), &block);
}

static size_t sync_encode(void)
{
    uint64_t number = number_next();
    return memtrace_log_sync(stream, room(MEMTRACE_LOG_ROW_BYTES), number, number_next());
}

int main(void)
{
    static const struct {
        const char *name;
        size_t (*encode)(void);
    } records[] = {
        {"header", header_encode}, {"event", event_encode},     {"live", live_encode},     {"sync", sync_encode},
        {"stack", stack_encode},   {"name", name_encode},       {"heap", heap_encode},     {"module", module_encode},
        {"counts", counts_encode}, {"failure", failure_encode}, {"stream", stream_encode},
    };
    char line[4096];
    while (fgets(line, sizeof line, stdin) != NULL) {
        const char *what = strtok(line, " \n");
        size_t bytes = 0;
        for (unsigned i = 0; what != NULL && i < sizeof records / sizeof *records; i++) {
            if (strcmp(records[i].name, what) == 0)
                bytes = records[i].encode();
        }
        if (bytes == 0 || fwrite(record, 1, bytes, stdout) != bytes)
            return 1;
    }
    free(record);
    return 0;
}
