/* SPDX-License-Identifier: Apache-2.0
 *
 * System calls of the recorder itself. They pass by the hooks, which stand in this library, too. None allocates; all may be called in a signal
 * handler.
 */
#ifndef MEMTRACE_LINUX_SYS_H
#define MEMTRACE_LINUX_SYS_H

#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE 4096u /* the smallest; a larger one is a multiple of it */

/* NULL: it failed. */
static inline void *sys_map_at(void *wanted, size_t bytes, int protection, int flags, int file, uint64_t offset)
{
#ifdef SYS_mmap2
    long at = syscall(SYS_mmap2, wanted, bytes, protection, flags, file, (unsigned long)(offset / PAGE));
#else
    long at = syscall(SYS_mmap, wanted, bytes, protection, flags, file, offset);
#endif
    return at == -1 ? NULL : (void *)at;
}

static inline void *sys_map(size_t bytes, int protection, int flags, int file, uint64_t offset)
{
    return sys_map_at(NULL, bytes, protection, flags, file, offset);
}

/* Pages of zeros, or NULL. */
static inline void *sys_pages(size_t bytes)
{
    return sys_map(bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

static inline void sys_unmap(void *at, size_t bytes)
{
    if (at != NULL)
        (void)syscall(SYS_munmap, at, bytes);
}

static inline void sys_close(int file)
{
    (void)syscall(SYS_close, file);
}

/* Can the word-aligned 8 bytes at `address` be read? The kernel looks at them before it refuses what is asked. */
static inline bool sys_can_read(uintptr_t address)
{
    return syscall(SYS_rt_sigprocmask, -1, address & ~(uintptr_t)7, NULL, 8) == -1 && errno != EFAULT;
}

/* A lock that a signal handler never finds held by its own thread: whoever takes it is busy, and events meanwhile wait in an array. */
static inline void lock_take(uint32_t *lock)
{
    while (__atomic_exchange_n(lock, 1u, __ATOMIC_ACQUIRE) != 0)
        (void)sched_yield();
}

static inline void lock_give(uint32_t *lock)
{
    __atomic_store_n(lock, 0u, __ATOMIC_RELEASE);
}

#endif
