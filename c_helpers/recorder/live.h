/* SPDX-License-Identifier: Apache-2.0
 *
 * The live table: what the allocation of each block said, kept until its free. live.c tells the approach.
 */
#ifndef MEMTRACE_LIVE_H
#define MEMTRACE_LIVE_H

#include "ring.h"

#define LIVE_FREE 0u
#define LIVE_CLAIMED 1u
#define LIVE_MOVING 1u /* in an entry's address, whose low bit is 0 otherwise: its reallocation is under way */
#define LIVE_WAYS 8u

void live_insert(struct recorder *ring, uintptr_t block, size_t size, unsigned heap, struct put put);

/* Gives the entry of `address` another one; 0 frees it. */
void live_change(uintptr_t address, uintptr_t changed);

void live_clear(struct recorder *ring);

#endif
