/* SPDX-License-Identifier: Apache-2.0
 *
 * The recorder in a program of the Pico SDK: its start, and malloc, calloc, realloc, free.
 *
 * Approach: the SDK wraps these four itself (pico_malloc: a mutex, a panic where there is no memory), so the names __wrap_malloc and so
 * on are taken. Every file of the program is compiled with macros that give them other names in the SDK's malloc.c; this file has the names, and
 * calls the SDK's wrappers in place of the real functions. So the caller is the program's function, and the SDK's file is as it was.
 * A failure is recorded by the wrapper of newlib's _malloc_r, before the SDK panics.
 * Rejected: --wrap=_malloc_r alone (newlib's caller would be the SDK's wrapper); --wrap=__wrap_malloc (the linker gives a name one turn
 * only); taking pico_malloc's source away (another program of the same build may be without memtrace); malloc.c's work done anew here.
 * Cost: MEMTRACE_RING_BYTES of RAM; docs/how-to/wrap-the-allocator.md has the wrappers'.
 * Assumptions: CMakeLists.txt of this folder gives the macros.
 */
#include "memtrace_port.h"
#include "memtrace_wrap.h"

#ifndef MEMTRACE_RING_BYTES
#define MEMTRACE_RING_BYTES 16384
#endif

#undef __wrap_malloc
#undef __wrap_calloc
#undef __wrap_realloc
#undef __wrap_free

void *memtrace_sdk_malloc(size_t size);
void *memtrace_sdk_calloc(size_t count, size_t size);
void *memtrace_sdk_realloc(void *block, size_t size);
void memtrace_sdk_free(void *block);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
void __wrap_free(void *block);

static uint64_t ring[MEMTRACE_RING_BYTES / 8];

/* Before the program's own constructors. The SDK has initialised its locks. */
__attribute__((constructor(101))) static void recorder_start(void)
{
#ifndef __GCC_HAVE_SYNC_COMPARE_AND_SWAP_4
    spin_lock_claim(MEMTRACE_PICO_SPIN_LOCK);
#endif
    (void)memtrace_init(ring, sizeof ring, NULL);
}

void *__wrap_malloc(size_t size)
{
    if (memtrace_is_off())
        return memtrace_sdk_malloc(size);
    struct memtrace_wrap call;
    memtrace_wrap_begin(&call, MEMTRACE_CALLER(), MEMTRACE_WRAP_USER);
    return memtrace_wrap_got(&call, memtrace_sdk_malloc(size), size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    if (memtrace_is_off())
        return memtrace_sdk_calloc(count, size);
    struct memtrace_wrap call;
    memtrace_entry_seen(MEMTRACE_ENTRY_CALLOC);
    memtrace_wrap_begin(&call, MEMTRACE_CALLER(), MEMTRACE_WRAP_USER);
    return memtrace_wrap_got(&call, memtrace_sdk_calloc(count, size), memtrace_wrap_product(count, size));
}

void *__wrap_realloc(void *block, size_t size)
{
    if (memtrace_is_off())
        return memtrace_sdk_realloc(block, size);
    struct memtrace_wrap call;
    struct memtrace_realloc begun = memtrace_wrap_move(&call, MEMTRACE_CALLER(), block, size);
    return memtrace_wrap_moved(&call, begun, block, memtrace_sdk_realloc(block, size), size);
}

void __wrap_free(void *block)
{
    if (memtrace_is_off()) {
        memtrace_sdk_free(block);
        return;
    }
    struct memtrace_wrap call;
    memtrace_wrap_give(&call, MEMTRACE_CALLER(), MEMTRACE_WRAP_ALLOCATOR, block);
    memtrace_sdk_free(block);
    memtrace_wrap_end(&call);
}
