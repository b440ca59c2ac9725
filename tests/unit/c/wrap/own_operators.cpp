// SPDX-License-Identifier: Apache-2.0
//
// Operators of the program's own: a pool that cuts blocks out of another one, and an aligned new that moves the address. Every
// address that somebody was given is recorded once, and is given back once.
#include <cstdlib>
#include <new>

static char *pool;
static size_t pool_used;

void *operator new(size_t size)
{
    if (pool == nullptr)
        pool = static_cast<char *>(malloc(1000));
    pool_used += 100;
    return size <= 100 ? pool + pool_used - 50 : nullptr;
}

void operator delete(void *) noexcept
{
    pool_used -= 100;
    if (pool_used == 0)
        free(pool);
}

void operator delete(void *block, size_t) noexcept
{
    operator delete(block);
}

void *operator new(size_t size, std::align_val_t alignment)
{
    size_t more = static_cast<size_t>(alignment);
    char *block = static_cast<char *>(malloc(size + more));
    char *at = reinterpret_cast<char *>((reinterpret_cast<size_t>(block) + more) & ~(more - 1));
    reinterpret_cast<char **>(at)[-1] = block;
    return at;
}

void operator delete(void *block, std::align_val_t) noexcept
{
    free(static_cast<char **>(block)[-1]);
}
