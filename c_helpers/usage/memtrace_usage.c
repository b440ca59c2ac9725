/* SPDX-License-Identifier: Apache-2.0
 *
 * Counters of modules.
 *
 * Approach: one atomic step a counter. The one that adds to the bytes in use knows what they are just then, so the peak misses no moment:
 * each value that they ever had was some caller's sum, and is held against the peak.
 * Rejected: a lock around all counters of a module (an interrupt would wait for the task that it interrupted); sizes kept in front of each
 * block (other alignment, and a free of a block that has none).
 * Cost: four atomic steps an allocation and a comparison; three a free. No other memory than the counters.
 * Assumptions: an allocation is counted before anybody can free it.
 */
#include "memtrace_usage.h"

#include "../recorder/atomic.h"

struct memtrace_module memtrace_usage_modules[MEMTRACE_USAGE_MODULES];

_Static_assert(offsetof(struct memtrace_module, name) == 6 * sizeof(memtrace_word), "six words, then the name");
_Static_assert(MEMTRACE_USAGE_MODULES >= 1 && MEMTRACE_USAGE_MODULES <= 256, "modules");
_Static_assert(sizeof(memtrace_word) == sizeof(memtrace_counter), "a counter is one word");

static struct memtrace_module *module_at(unsigned number)
{
    return &memtrace_usage_modules[number < MEMTRACE_USAGE_MODULES ? number : 0];
}

static void counter_raise(memtrace_word *counter, memtrace_word value)
{
    memtrace_word seen = word_peek(counter);
    while (seen < value && !word_replace(counter, seen, value)) /* who was quicker has raised it, too */
        seen = word_peek(counter);
}

/* Not below 0; false: there was less. */
static bool counter_take(memtrace_word *counter, memtrace_word amount)
{
    for (;;) {
        memtrace_word seen = word_peek(counter);
        memtrace_word left = seen >= amount ? seen - amount : 0;
        if (word_replace(counter, seen, left))
            return seen >= amount;
    }
}

void memtrace_usage_name(unsigned module, const char *name)
{
    char *text = module_at(module)->name;
    for (unsigned i = 0; i < MEMTRACE_USAGE_NAME_BYTES; i++) {
        text[i] = name != NULL ? *name : '\0';
        if (text[i] != '\0')
            name++;
    }
}

void memtrace_usage_alloc(unsigned module, size_t bytes)
{
    struct memtrace_module *counters = module_at(module);
    memtrace_word amount = (memtrace_word)bytes;
    counter_raise(&counters->peak_bytes, word_add(&counters->bytes, amount) + amount);
    (void)word_add(&counters->blocks, 1);
    (void)word_add(&counters->allocated_bytes, amount);
    (void)word_add(&counters->allocations, 1);
}

void memtrace_usage_free(unsigned module, size_t bytes)
{
    struct memtrace_module *counters = module_at(module);
    bool enough = counter_take(&counters->blocks, 1);
    enough = counter_take(&counters->bytes, (memtrace_word)bytes) && enough;
    if (!enough)
        (void)word_add(&counters->unmatched, 1);
}

bool memtrace_usage_of(unsigned module, struct memtrace_module *usage)
{
    if (module >= MEMTRACE_USAGE_MODULES)
        return false;
    struct memtrace_module *counters = module_at(module);
    *usage = (struct memtrace_module){
        .bytes = word_peek(&counters->bytes),
        .blocks = word_peek(&counters->blocks),
        .peak_bytes = word_peek(&counters->peak_bytes),
        .allocated_bytes = word_peek(&counters->allocated_bytes),
        .allocations = word_peek(&counters->allocations),
        .unmatched = word_peek(&counters->unmatched),
    };
    for (unsigned i = 0; i < MEMTRACE_USAGE_NAME_BYTES; i++)
        usage->name[i] = counters->name[i];
    return true;
}
