/* SPDX-License-Identifier: Apache-2.0
 *
 * The way of an event about which nothing is known yet. record.c tells the approach.
 */
#ifndef MEMTRACE_RECORD_H
#define MEMTRACE_RECORD_H

#include "ring.h"

struct put event_slow(struct memtrace_caller caller, uintptr_t address, size_t size, unsigned heap,
                      enum memtrace_kind kind);

#endif
