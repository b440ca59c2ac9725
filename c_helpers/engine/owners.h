/* SPDX-License-Identifier: Apache-2.0
 *
 * From an event's third word and heap to its owner's name, and from there to what it uses.
 *
 * Approach: two tables. The first one is asked for each allocation and knows the bits of an event; the second one knows
 * names that last. When a definition changes what bits mean, a generation ends and each entry of the first table is
 * looked up again when it is needed. */
#ifndef MEMTRACE_ENGINE_OWNERS_H
#define MEMTRACE_ENGINE_OWNERS_H

#include "engine.h"

/* Returns the index of an owner's name where the first table does not know it, or OVERFLOWN. */
uint32_t owners_resolve(struct engine *engine, uint64_t whose, uint64_t heap);

/* Returns the index of an event's owner where the first table does not know it. Asks for the nodes of a new one. */
uint32_t owners_ask(struct engine *engine, uint64_t whose, uint64_t heap);

/* Tells whether events of an owner belong into the tail. */
bool owners_pass(struct engine *engine, uint32_t name);

void owners_clear(struct engine *engine);

/* The table is at most a quarter full: it is small, and most often the first place is the right one. */
static inline size_t owners_place(const struct engine *engine, uint64_t whose, uint64_t heap)
{
    return (size_t)((whose ^ heap << 56) * engine->wish.multiplier >> engine->owners.seen_shift);
}

/* Returns what is known of an event's owner, or NULL. */
static inline const struct seen *owners_known(const struct engine *engine, uint64_t whose, uint64_t heap)
{
    const struct owners *owners = &engine->owners;
    const struct seen *seen;
    size_t at;
    if (owners->seen_capacity == 0) {
        return NULL;
    }
    for (at = owners_place(engine, whose, heap);; at = (at + 1) & (owners->seen_capacity - 1)) {
        seen = &owners->seen[at];
        if (seen->whose == whose && seen->heap == heap && seen->generation == owners->generation) {
            return seen;
        }
        if (seen->generation == 0) {
            return NULL;
        }
    }
}

/* Returns the index of the name of an event's owner, or OVERFLOWN. */
static inline uint32_t owners_name(struct engine *engine, uint64_t whose, uint64_t heap)
{
    const struct seen *seen = owners_known(engine, whose, heap);
    return seen == NULL ? owners_resolve(engine, whose, heap) : seen->name;
}

/* Returns the index of an event's owner, or NO_OWNER if it does not count. */
static inline uint32_t owners_use(struct engine *engine, uint64_t whose, uint64_t heap)
{
    const struct seen *seen = owners_known(engine, whose, heap);
    return seen == NULL || seen->use == NOT_ASKED ? owners_ask(engine, whose, heap) : seen->use;
}

#endif
