/* SPDX-License-Identifier: Apache-2.0
 *
 * What is kept out now. gate.c tells the approach.
 */
#ifndef MEMTRACE_GATE_H
#define MEMTRACE_GATE_H

#include "recorder.h"

/* After a change of state or filters: makes every event look, or none. */
void gate_update(struct recorder *ring);

/* Do the filters let an allocation through? Only with MEMTRACE_FILTERS. */
bool filters_admit(struct recorder *ring, memtrace_word size_heap);

#endif
