/* SPDX-License-Identifier: Apache-2.0
 *
 * What every event asks before it is recorded. control.c tells the approach.
 */
#ifndef MEMTRACE_CONTROL_H
#define MEMTRACE_CONTROL_H

#include "recorder.h"

/* May this event be recorded? Obeys a host's request before; counts what it turns away. */
bool control_admits(struct recorder *ring, enum memtrace_kind kind, memtrace_word size_heap);

#endif
