/* SPDX-License-Identifier: Apache-2.0
 *
 * Stands for the SDK's pico_malloc: a lock around each function, which none of them may enter twice, and a panic where there is no memory.
 */
#include <stddef.h>

#define WRAPPER_FUNC(name) __wrap_##name
#define REAL_FUNC(name) __real_##name

#ifndef PICO_MALLOC_PANIC
#define PICO_MALLOC_PANIC 1
#endif

extern void *REAL_FUNC(malloc)(size_t size);
extern void *REAL_FUNC(calloc)(size_t count, size_t size);
extern void *REAL_FUNC(realloc)(void *block, size_t size);
extern void REAL_FUNC(free)(void *block);
extern char __StackLimit[];
_Noreturn void panic(const char *text, ...);

static int held;

static void lock(void)
{
    if (held++ != 0)
        panic("malloc's mutex is held");
}

static void unlock(void)
{
    held--;
}

static void *checked(void *block, size_t size)
{
    if (PICO_MALLOC_PANIC && (block == NULL || (char *)block + size > __StackLimit))
        panic("Out of memory");
    return block;
}

void *WRAPPER_FUNC(malloc)(size_t size)
{
    lock();
    void *block = REAL_FUNC(malloc)(size);
    unlock();
    return checked(block, size);
}

void *WRAPPER_FUNC(calloc)(size_t count, size_t size)
{
    lock();
    void *block = REAL_FUNC(calloc)(count, size);
    unlock();
    return checked(block, count * size);
}

void *WRAPPER_FUNC(realloc)(void *block, size_t size)
{
    lock();
    void *moved = REAL_FUNC(realloc)(block, size);
    unlock();
    return checked(moved, size);
}

void WRAPPER_FUNC(free)(void *block)
{
    lock();
    REAL_FUNC(free)(block);
    unlock();
}
