/* SPDX-License-Identifier: Apache-2.0
 *
 * Reallocations that wait for their end, by stream and low bits of the begin's number; the oldest makes room. */
#ifndef MEMTRACE_ENGINE_REALLOCATIONS_H
#define MEMTRACE_ENGINE_REALLOCATIONS_H

#include "engine.h"

/* Adds a begin, in the place of one of the same stream and low bits. Returns it, to be filled in. */
struct begun *reallocations_add(struct reallocations *waiting, uint64_t stream, uint64_t low);

/* Takes a begin out. Returns it, valid up to the next call, or NULL. */
const struct begun *reallocations_take(struct reallocations *waiting, uint64_t stream, uint64_t low);

#endif
