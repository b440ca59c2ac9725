/* SPDX-License-Identifier: Apache-2.0
 *
 * Brings the events of several streams into one order, as gdbext/trace/log.py does: by time, then number, then stream.
 *
 * Approach: the events of a stream are in order and wait in a queue; a heap has the streams by their first waiting event.
 * Rejected: a heap of events (it moves an event for each that it compares). */
#ifndef MEMTRACE_ENGINE_STREAMS_H
#define MEMTRACE_ENGINE_STREAMS_H

#include "engine.h"

/* Forgets all streams and begins with number 0. false: no memory. */
bool streams_start(struct engine *engine);

/* Sets `index` to the stream of a name, which may be new. false: there is no room, or no memory, as the status says. */
bool streams_find(struct engine *engine, uint64_t name, size_t *index);

/* Takes an event with these words, of which the last one has kind and core at least. In a log with streams it waits for its place. */
void streams_take(struct engine *engine, size_t stream, const uint64_t *words, uint64_t own, uint64_t time);

/* Replays the waiting events of times before `limit`. */
void streams_earlier(struct engine *engine, uint64_t limit);

/* Replays all that wait. */
void streams_rest(struct engine *engine);

/* Replays the earliest while there are too many. */
void streams_limit(struct engine *engine);

void streams_clear(struct engine *engine);

#endif
