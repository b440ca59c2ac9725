/* SPDX-License-Identifier: Apache-2.0
 *
 * Who is within which wrapped function, so that a block is one event however many of them it passes.
 *
 * Approach: each call stands on its wrapper's stack and knows the one that it was called by; a table has the innermost of each task,
 * and of each core before the scheduler and in interrupts. The outermost call records. A block that comes from within is kept
 * until the outer function returns: the same address is the same block, any other one is a block of its own.
 * Rejected: replacing operator new by malloc (programs have their own); a flag "within" alone (the address that an aligned new
 * returns is not the allocator's, and what a new handler frees is an event); thread-local variables (RTOSes have none).
 * Cost: some 150 instructions for the function that the program called, 110 for each that it passes; 1 KB of code; two words of
 * memory for each of MEMTRACE_WRAP_CONTEXTS; 64 bytes of stack a call.
 * Assumptions: stacks grow downwards; a wrapped function is left by return or exception. An interrupt that allocates in the middle of
 * another interrupt's allocation is taken for a part of it.
 */
#include "../recorder/recorder.h"

#include "memtrace_wrap.h"

struct memtrace_wrap_slot {
    memtrace_word key; /* whose it is; 0: nobody's */
    struct memtrace_wrap *innermost;
};

/* A port with more heaps than one says in which a block lies: the number that its events say. */
#ifndef MEMTRACE_PORT_HEAPS
static inline unsigned memtrace_port_heap(const void *block)
{
    (void)block;
    return 0;
}
#endif

static struct memtrace_wrap_slot slots[MEMTRACE_WRAP_CONTEXTS];
static uint32_t slots_used; /* none at or behind this number was ever claimed */

/* Handles of tasks are addresses, and not the last ones. */
static memtrace_word key_now(void)
{
    uintptr_t context = memtrace_port_context();
    return context > MEMTRACE_CONTEXT_ISR ? context : ~((memtrace_word)memtrace_port_core() << 1 | context);
}

static struct memtrace_wrap_slot *slot_find(memtrace_word key)
{
    for (uint32_t i = 0; i < u32_load(&slots_used); i++) {
        if (word_peek(&slots[i].key) == key)
            return &slots[i];
    }
    return NULL;
}

/* NULL: all are in use. */
static struct memtrace_wrap_slot *slot_claim(memtrace_word key)
{
    for (uint32_t i = 0; i < MEMTRACE_WRAP_CONTEXTS; i++) {
        if (!word_replace(&slots[i].key, 0, key))
            continue;
        for (uint32_t used = u32_load(&slots_used); used <= i; used = u32_load(&slots_used))
            (void)u32_replace(&slots_used, used, i + 1);
        slots[i].innermost = NULL;
        return &slots[i];
    }
    return NULL;
}

/* A call whose task was killed, or that was left by longjmp, is still in the table: its frame is no longer above. */
void memtrace_wrap_begin(struct memtrace_wrap *call, struct memtrace_caller caller, enum memtrace_wrap_kind kind)
{
    memtrace_word key = key_now();
    struct memtrace_wrap_slot *slot = slot_find(key);
    struct memtrace_wrap *outer = slot != NULL ? slot->innermost : NULL;
    if (outer != NULL && (outer->frame <= caller.frame || outer->slot != slot))
        outer = NULL;
    *call = (struct memtrace_wrap){.outer = outer, .caller = caller, .frame = caller.frame, .claimed = outer == NULL};
    if (outer != NULL) {
        call->caller = outer->caller;
        call->silent = outer->silences;
    }
    call->answers = kind == MEMTRACE_WRAP_LIBRARY;
    call->silences = kind == MEMTRACE_WRAP_ALLOCATOR || call->silent;
    call->slot = slot != NULL ? slot : slot_claim(key);
    if (call->slot != NULL)
        call->slot->innermost = call;
}

bool memtrace_wrap_is_inside(void)
{
    const struct memtrace_wrap_slot *slot = slot_find(key_now());
    const struct memtrace_wrap *call = slot != NULL ? slot->innermost : NULL;
    return call != NULL && call->slot == slot && call->frame > (uintptr_t)__builtin_frame_address(0);
}

/* What came from within and is not what the outer function returned. */
static void block_record(struct memtrace_wrap *call)
{
    if (call->block != NULL)
        memtrace_alloc(call->caller, call->block, call->size, memtrace_port_heap(call->block));
    call->block = NULL;
}

void memtrace_wrap_end(struct memtrace_wrap *call)
{
    block_record(call);
    if (call->slot == NULL)
        return;
    call->slot->innermost = call->outer;
    if (call->claimed)
        word_publish(&call->slot->key, 0);
}

void *memtrace_wrap_got(struct memtrace_wrap *call, void *block, size_t size)
{
    struct memtrace_wrap *outer = call->outer;
    if (call->block == block)
        call->block = NULL;
    memtrace_wrap_end(call);
    if (call->silent)
        return block;
    if (outer != NULL && block != NULL) {
        if (outer->block != block)
            block_record(outer);
        outer->block = block;
        outer->size = size;
    } else if (block != NULL || !call->failed) {
        memtrace_alloc(call->caller, block, size, memtrace_port_heap(block));
    }
    if (outer != NULL && block == NULL)
        outer->failed = true;
    return block;
}

void memtrace_wrap_fails(void)
{
    struct memtrace_wrap_slot *slot = slot_find(key_now());
    struct memtrace_wrap *call = slot != NULL ? slot->innermost : NULL;
    if (call == NULL || call->silent || call->failed)
        return;
    memtrace_alloc(call->caller, NULL, call->size, 0);
    call->failed = true;
}

/* What is freed within an operator new is freed by who says so, a new handler. */
void memtrace_wrap_give(struct memtrace_wrap *call, struct memtrace_caller caller, enum memtrace_wrap_kind kind,
                        void *block)
{
    memtrace_wrap_begin(call, caller, kind);
    struct memtrace_wrap *outer = call->outer;
    call->freed = block;
    call->answers = true;
    if (call->silent || block == NULL)
        return;
    if (outer != NULL && outer->block == block)
        outer->block = NULL;
    else if (outer != NULL && outer->freed == block)
        outer->freed = NULL;
    else
        memtrace_free(outer != NULL && outer->answers ? outer->caller : caller, block, memtrace_port_heap(block));
}

/* Is the block one that an outer function holds, and nobody knows of yet? */
static bool block_is_outers(const struct memtrace_wrap *call, const void *block)
{
    return call->outer != NULL && call->outer->block == block;
}

struct memtrace_realloc memtrace_wrap_move(struct memtrace_wrap *call, struct memtrace_caller caller, void *block,
                                           size_t size)
{
    memtrace_wrap_begin(call, caller, MEMTRACE_WRAP_ALLOCATOR);
    if (call->silent || block == NULL || block_is_outers(call, block))
        return (struct memtrace_realloc){.caller = caller};
    return memtrace_realloc_begin(call->caller, block, size, memtrace_port_heap(block));
}

void *memtrace_wrap_moved(struct memtrace_wrap *call, struct memtrace_realloc begun, void *old_block, void *new_block,
                          size_t size)
{
    if (old_block == NULL)
        return memtrace_wrap_got(call, new_block, size);
    memtrace_wrap_end(call);
    if (call->silent)
        return new_block;
    if (!block_is_outers(call, old_block)) {
        memtrace_realloc_end(begun, old_block, new_block, size, memtrace_port_heap(new_block));
    } else if (new_block != NULL || size == 0) {
        call->outer->block = new_block;
        call->outer->size = size;
    }
    return new_block;
}
