/* SPDX-License-Identifier: Apache-2.0
 *
 * What a replay keeps word for word: oddities, the lives of one address, the last events. */
#ifndef MEMTRACE_ENGINE_NOTES_H
#define MEMTRACE_ENGINE_NOTES_H

#include "engine.h"

/* Keeps the first 64 of unknown frees and of all others. `block` is an owner. */
void note_oddity(struct engine *engine, enum oddity_kind kind, const struct event *event, uint32_t block);

/* A block or range of the address that is followed begins. */
void note_begin(struct engine *engine, const struct event *event, uint64_t size, uint32_t owner);

/* One ends: of a block, if it is not a range, by its address. `is_freed`: else it was replaced. */
void note_end(struct engine *engine, const struct event *event, uint64_t address, bool is_mapped, bool is_freed);

/* The free of the number `seq` is undone. */
void note_undo(struct engine *engine, uint64_t address, uint64_t seq);

/* The address itself was freed, and nobody knows its allocation. */
void note_stranger(struct engine *engine, const struct event *event);

/* Keeps an event, if it belongs into the tail. */
void note_tail(struct engine *engine, const struct event *event);

#endif
