/* SPDX-License-Identifier: Apache-2.0
 *
 * The ring as a log, once. memtrace_sink.h says how it is used.
 *
 * Approach: a sink over the whole ring, into the caller's function. Rejected: memory of the caller's (a handler of faults has none to
 * give).
 */
#include "sink.h"

#ifndef MEMTRACE_DUMP_BYTES
#define MEMTRACE_DUMP_BYTES 3072 /* enough for stack_bytes of 24 KiB (64-bit machines: 48) */
#endif

struct dump {
    struct memtrace_output output;
    bool (*write)(void *context, const void *bytes, size_t count);
    void *context;
};

static uint64_t memory[MEMTRACE_DUMP_BYTES / sizeof(uint64_t)];
static uint32_t dumping;

static bool dump_write(struct memtrace_output *output, const void *bytes, size_t count)
{
    struct dump *dump = (struct dump *)(void *)output;
    return dump->write(dump->context, bytes, count);
}

bool memtrace_dump(bool (*write)(void *context, const void *bytes, size_t count), void *context)
{
    const struct recorder *ring = recorder_get();
    struct dump dump = {{.write = dump_write}, write, context};
    struct sink *sink = (struct sink *)(void *)memory;
    if (ring == NULL || !u32_replace(&dumping, 0, 1))
        return false;
    bool made = sink_make(sink, sizeof memory, &ring->header, &dump.output);
    if (made) {
        sink_drain(sink, true);
        sink_flush(sink);
    }
    u32_publish(&dumping, 0);
    return made && sink->ended == 0;
}
