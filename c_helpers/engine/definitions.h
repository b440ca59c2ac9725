/* SPDX-License-Identifier: Apache-2.0
 *
 * What the records of a log define, as gdbext/trace/log_definitions.py keeps it. */
#ifndef MEMTRACE_ENGINE_DEFINITIONS_H
#define MEMTRACE_ENGINE_DEFINITIONS_H

#include "engine.h"

/* Takes a record. false: it makes no sense, or there is no room for it. */
bool definitions_take(struct engine *engine, uint64_t kind, uint64_t number, uint64_t heap,
                      const unsigned char *payload, size_t count);

/* Forgets what is not kept by number. */
void definitions_forget(struct engine *engine);

#endif
