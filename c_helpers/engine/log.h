/* SPDX-License-Identifier: Apache-2.0
 *
 * Takes a log apart, as gdbext/trace/log.py does: which rows and records count, and which are unread. */
#ifndef MEMTRACE_ENGINE_LOG_H
#define MEMTRACE_ENGINE_LOG_H

#include "engine.h"

#define LOG_HIGHEST (UINT64_C(1) << 62) /* number of an event */

/* Kinds of events, and with them those that have a number; a bit each. */
#define LOG_EVENTS \
    (1u << MEMTRACE_ALLOC | 1u << MEMTRACE_FREE | 1u << MEMTRACE_REALLOC_BEGIN | 1u << MEMTRACE_REALLOC_END | \
     1u << MEMTRACE_ALLOC_FAILED | 1u << MEMTRACE_MARK | 1u << MEMTRACE_ASSERT | 1u << MEMTRACE_CONTROL | \
     1u << MEMTRACE_MAP | 1u << MEMTRACE_UNMAP)
#define LOG_NUMBERED (LOG_EVENTS | 1u << MEMTRACE_CALLER | 1u << MEMTRACE_TIME)

/* Takes what is whole of some bytes. Returns how many that were, and sets how many it needs to go on. */
size_t log_parse(struct engine *engine, const unsigned char *bytes, size_t count);

/* Takes the payload of a PACK record of `events` in a stream. */
void pack_take(struct engine *engine, size_t stream, uint64_t events, const unsigned char *payload, size_t count);

/* Releases the room for columns. */
void pack_clear(struct engine *engine);

/* Fills in what the first three words of an event say, and its core. */
static inline void event_fill(struct event *event, const struct layout *layout, uint64_t kind, const uint64_t *words)
{
    const uint64_t distance = words[2] >> layout->stack_shift;
    event->kind = (uint32_t)kind;
    event->address = words[0];
    event->size = words[1] & layout->size_mask;
    event->heap = words[1] >> layout->heap_shift;
    event->whose = words[2];
    event->distance = kind == MEMTRACE_REALLOC_END ? distance : 0;
    event->core = (uint32_t)(words[3] >> layout->core_shift & layout->core_mask);
}

#endif
