/* SPDX-License-Identifier: Apache-2.0 */
#include "stacks.h"

#include <stdbool.h>

#include "log.h"
#include "recorder.h"
#include "sys.h"

#define ENTRIES_FIRST ((size_t)1 << 12)
#define ENTRIES_MOST ((size_t)1 << 20)
#define PROBES 16u

/* `proof` is the number, and above it the lower half of the hash. */
struct entry {
    uint64_t hash, proof;
};

static struct table {
    size_t room;
    struct entry *entries;
} tables[9],
    *current; /* each of twice the size of the one before; those before are given back but for their addresses */
static size_t used;

static uint64_t proof_of(uint64_t hash, uint32_t number)
{
    return hash << 32 | number;
}

/* The number of a hash in a table, or 0. Reads while others write. */
static uint32_t search(const struct table *table, uint64_t hash)
{
    for (size_t i = 0; i < PROBES; i++) {
        const struct entry *entry = &table->entries[(hash + i) & (table->room - 1u)];
        uint64_t found = __atomic_load_n(&entry->hash, __ATOMIC_ACQUIRE);
        if (found == hash) {
            uint64_t proof = __atomic_load_n(&entry->proof, __ATOMIC_ACQUIRE);
            return proof >> 32 == (hash & 0xffffffffu) ? (uint32_t)proof : 0;
        }
        if (found == 0)
            return 0;
    }
    return 0;
}

static void enter(struct table *table, uint64_t hash, uint64_t proof)
{
    struct entry *entry = NULL;
    for (size_t i = 0; i < PROBES; i++) {
        entry = &table->entries[(hash + i) & (table->room - 1u)];
        if (entry->hash == 0 || entry->hash == hash)
            break;
    }
    used += entry->hash == 0;
    __atomic_store_n(&entry->proof, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&entry->hash, hash, __ATOMIC_RELEASE);
    __atomic_store_n(&entry->proof, proof, __ATOMIC_RELEASE);
}

/* Under the lock: a table with room for one more, if there is memory for it. */
static void grow(void)
{
    size_t room = current == NULL ? ENTRIES_FIRST : 2u * current->room;
    if (current != NULL && (current->room == ENTRIES_MOST || used < current->room / 2u))
        return;
    struct table *grown = current == NULL ? tables : current + 1;
    grown->entries = own_pages(room * sizeof(struct entry));
    if (grown->entries == NULL)
        return;
    grown->room = room;
    used = 0;
    for (size_t i = 0; current != NULL && i < current->room; i++) {
        if (current->entries[i].hash != 0)
            enter(grown, current->entries[i].hash, current->entries[i].proof);
    }
    struct table *old = current;
    __atomic_store_n(&current, grown, __ATOMIC_RELEASE);
    if (old != NULL) /* who still reads it finds zeros, and asks under the lock */
        own_pages_empty(old->entries, old->room * sizeof(struct entry));
}

static uint32_t define(struct walker *walker, const struct stack *stack)
{
    uint32_t number = ++recorder_control.now.stacks;
    const uintptr_t *pcs = unwind_pcs(walker, stack);
    log_define(MEMTRACE_DEF_STACK, number, stack->end, &(struct part){pcs, stack->depth * sizeof *pcs}, 1);
    return number;
}

static uint32_t number_locked(struct walker *walker, const struct stack *stack)
{
    grow();
    uint32_t number = current == NULL ? 0 : search(current, stack->hash);
    if (number == 0 && current != NULL) {
        number = define(walker, stack);
        enter(current, stack->hash, proof_of(stack->hash, number));
    }
    return number;
}

uint32_t stacks_number(struct walker *walker, const struct stack *stack)
{
    const struct table *table = __atomic_load_n(&current, __ATOMIC_ACQUIRE);
    uint32_t number = table == NULL ? 0 : search(table, stack->hash);
    if (number == 0) {
        lock_take(&recorder_control.now.stacks_lock);
        number = number_locked(walker, stack);
        lock_give(&recorder_control.now.stacks_lock);
    }
    if (stack->number != NULL)
        *stack->number = number;
    return number;
}

void stacks_forget(void)
{
    for (unsigned i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        sys_unmap(tables[i].entries, tables[i].room * sizeof(struct entry));
        tables[i] = (struct table){0, NULL};
    }
    current = NULL;
    used = 0;
}
