/* SPDX-License-Identifier: Apache-2.0
 *
 * Replays events in order, as gdbext/trace/replay.py does. */
#ifndef MEMTRACE_ENGINE_REPLAY_H
#define MEMTRACE_ENGINE_REPLAY_H

#include "engine.h"

/* A run begins, with the layout that the parser has. */
void replay_begin(struct engine *engine);

/* A run ends, or the log. */
void replay_end(struct engine *engine);

/* Takes the next event of the run. Its number is whole and its own. */
void replay_event(struct engine *engine, struct event *event);

/* A block takes the place of a live one. */
void replay_replace(struct engine *engine, const struct event *event, const struct block *old);

/* Judges a free of what is not live. */
void replay_free_of_none(struct engine *engine, const struct event *event);

/* Forgets all that was counted. */
void replay_forget(struct engine *engine);

#endif
