/* SPDX-License-Identifier: Apache-2.0
 *
 * What the numbers of heaps and modules are called, and which module runs.
 *
 * Approach: a name is an entry of the table of names whose key is the number, so nothing looks it up on the target. A module's number is kept for
 * each context and added to the owner word of its events, on the quick way too. Rejected: the number as an argument of each
 * event (the allocator's wrapper does not know whose code called it); a guess for each number (a change of the module would
 * send every caller's next event the slow way).
 * Cost: memtrace_tag looks its task up, ten instructions an entry passed; an event three more, with MEMTRACE_TAGS only.
 * Assumptions: a context but an interrupt runs on one core at a time.
 */
#include "names.h"

/* On 32 bits the key's upper half follows its entry: a host that looks in between sees a heap without capabilities. */
static bool label_enter(unsigned number, enum memtrace_memory memory, uint32_t capabilities, const char *name,
                        enum memtrace_name_kind kind)
{
    struct recorder *ring = recorder_get();
    if (ring == NULL)
        return false;
    uint64_t key = (uint64_t)(uint8_t)number | (uint64_t)memory << MEMTRACE_KEY_MEMORY_SHIFT |
                   (uint64_t)capabilities << MEMTRACE_KEY_CAPABILITIES_SHIFT;
    uint32_t entry = name_number(ring, (memtrace_word)key, name, kind);
    if (entry == MEMTRACE_CONTEXT_OTHER)
        return false;
#if UINTPTR_MAX == 0xffffffffu
    u32_store(&name_at(ring, entry)->key_halves[__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__], capabilities);
#endif
    return true;
}

bool memtrace_name_heap(unsigned heap, const char *name, enum memtrace_memory memory, uint32_t capabilities)
{
    return label_enter(heap, memory, capabilities, name, MEMTRACE_NAME_HEAP);
}

bool memtrace_name_tag(unsigned tag, const char *name)
{
    return label_enter(tag, MEMTRACE_MEMORY_UNKNOWN, 0, name, MEMTRACE_NAME_TAG);
}

#if MEMTRACE_TAGS
unsigned memtrace_tag(unsigned tag)
{
    struct recorder *ring = recorder_get();
    if (ring == NULL)
        return 0;
    uint32_t context = context_number(ring);
    if (context == MEMTRACE_CONTEXT_ISR || context == MEMTRACE_CONTEXT_OTHER)
        return 0;
    unsigned before = ring->tags[context];
    ring->tags[context] = (uint8_t)tag;
    return before;
}
#endif
