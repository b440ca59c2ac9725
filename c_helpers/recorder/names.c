/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of tasks, marks, heaps and tags: an event carries a number, the table its text, so a task may be gone when its blocks are found.
 *
 * Approach: one pass over the table finds the entry or claims the first free one. An entry never gets another text, because
 * old events carry its number; a task that is created again under the name of a deleted one gets that one's entry back.
 * Rejected: taking over deleted entries when the table is full (old events would name the wrong task); hashing by handle
 * (the quick way does not come here, and some twenty entries are soon compared).
 * Cost: ten instructions an entry passed.
 * Assumptions: no task's handle is 0, 1 or all ones. Two cores that name one task at the same time may make two entries.
 */
#include "names.h"

#include "ring.h"

#define KEY_DELETED WORD_ONES

static bool text_equals(const char *padded, const char *text)
{
    if (text == NULL)
        return *padded == '\0';
    for (const char *end = padded + MEMTRACE_NAME_BYTES; padded != end; padded++, text++) {
        if (*padded != *text)
            return false;
        if (*text == '\0')
            break;
    }
    return true;
}

void text_copy(char *target, size_t bytes, const char *text)
{
    for (const char *end = target + bytes; target != end; target++) {
        *target = text != NULL ? *text : '\0';
        text += *target != '\0';
    }
}

/* A deleted task's entry is given to who has its name. */
static bool name_is(struct memtrace_name *name, memtrace_word key, const char *text)
{
    memtrace_word found = word_peek(name_key(name));
    if ((found != key && found != KEY_DELETED) || !text_equals(name->text, text))
        return false;
    word_store(name_key(name), key);
    return true;
}

uint32_t name_number(struct recorder *ring, memtrace_word key, const char *text, enum memtrace_name_kind kind)
{
    struct memtrace_name *name = name_at(ring, MEMTRACE_CONTEXT_FIRST_TASK);
    for (uint32_t number = MEMTRACE_CONTEXT_FIRST_TASK; number < ring->header.names.count; number++, name++) {
        uint32_t found = u32_claim(&name->kind, MEMTRACE_NAME_BUSY);
        if (found == MEMTRACE_NAME_NONE) {
            text_copy(name->text, sizeof name->text, text);
            word_store(name_key(name), key);
            u32_publish(&name->kind, kind);
            return number;
        }
        if (found == (uint32_t)kind && name_is(name, key, text))
            return number;
    }
    counter_add(&ring->header.names_full);
    return MEMTRACE_CONTEXT_OTHER;
}

uint32_t task_number(struct recorder *ring, memtrace_word handle)
{
    if (handle <= MEMTRACE_CONTEXT_ISR)
        return (uint32_t)handle;
    const char *text = memtrace_port_task_name((uintptr_t)handle);
    return name_number(ring, handle, text, MEMTRACE_NAME_CONTEXT);
}

uint32_t context_number(struct recorder *ring)
{
    return task_number(ring, memtrace_port_context());
}

void memtrace_task_deleted(uintptr_t handle)
{
    struct recorder *ring = recorder_get();
    if (ring == NULL || handle <= MEMTRACE_CONTEXT_ISR) /* no task: free entries, fixed contexts */
        return;
    struct memtrace_name *name = ring->names;
    for (uint32_t left = ring->header.names.count; left > 0; left--, name++) {
        if (word_peek(name_key(name)) != handle || u32_load(&name->kind) != MEMTRACE_NAME_CONTEXT)
            continue;
        word_store(name_key(name), KEY_DELETED);
#if MEMTRACE_TAGS
        ring->tags[name - ring->names] = 0; /* who gets its entry begins without one */
#endif
    }
}
