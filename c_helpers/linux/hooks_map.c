/* SPDX-License-Identifier: Apache-2.0
 *
 * mmap, munmap and mremap: memory that a program takes from the system itself. Not counted: what an allocator's library maps for its
 * blocks, and buffers of devices, which are counted where they are made.
 */
#include <stdarg.h>
#include <sys/mman.h>

#include "device.h"
#include "hooks.h"
#include "recorder.h"
#include "sys.h"
#include "unwind.h"

#undef mmap
#undef mmap64

/* The real functions. The loader may map before they can be looked up, so until then this is the system's. */
static struct {
    void *(*mmap)(void *, size_t, int, int, int, off_t);
    int (*munmap)(void *, size_t);
    void *(*mremap)(void *, size_t, size_t, int, ...);
} real_map;

static void look_up(void)
{
    static bool looking;
    if (looking)
        return;
    looking = true;
    void *found[] = {real_function("mmap64"), real_function("munmap"), real_function("mremap")};
    if (found[0] == NULL)
        found[0] = real_function("mmap");
    memcpy(&real_map, found, sizeof found);
    looking = false;
}

static bool is_known(void)
{
    if (__builtin_expect(real_map.mremap == NULL, 0))
        look_up();
    return real_map.mremap != NULL;
}

static bool is_counted(const struct caller *from)
{
    return !recorder_is_off() && !hooks_is_allocator(from->pc);
}

static void *mapped(const struct caller *from, void *at, size_t bytes, int protection, int flags, int file,
                    off_t offset)
{
    if (!is_known()) {
        void *block = sys_map_at(at, bytes, protection, flags, file, (uint64_t)offset);
        return block == NULL ? MAP_FAILED : block;
    }
    void *block = real_map.mmap(at, bytes, protection, flags, file, offset);
    int of = (flags & MAP_ANONYMOUS) != 0 ? -1 : file;
    if (block == MAP_FAILED) {
        if (is_counted(from) && !device_owns_descriptor(of))
            record_failed(from, bytes, HEAP_MAPPED);
    } else if (!device_mapped(from, of, (uint64_t)offset, (uintptr_t)block, bytes) && is_counted(from)) {
        record_map(from, (uintptr_t)block, bytes);
    }
    return block;
}

#if defined(__GLIBC__) && !defined(__LP64__)
/* Offsets of 32 bits; the other name has 64. */
HOOK void *memtrace_mmap(void *at, size_t bytes, int protection, int flags, int file, long offset) __asm__("mmap");
HOOK void *memtrace_mmap(void *at, size_t bytes, int protection, int flags, int file, long offset)
{
    return mapped(CALLER(), at, bytes, protection, flags, file, (off_t)offset);
}
#else
HOOK void *memtrace_mmap(void *at, size_t bytes, int protection, int flags, int file, off_t offset) __asm__("mmap");
HOOK void *memtrace_mmap(void *at, size_t bytes, int protection, int flags, int file, off_t offset)
{
    return mapped(CALLER(), at, bytes, protection, flags, file, offset);
}
#endif

HOOK void *memtrace_mmap64(void *at, size_t bytes, int protection, int flags, int file, off_t offset) __asm__("mmap64");
HOOK void *memtrace_mmap64(void *at, size_t bytes, int protection, int flags, int file, off_t offset)
{
    return mapped(CALLER(), at, bytes, protection, flags, file, offset);
}

HOOK int munmap(void *at, size_t bytes)
{
    if (!is_known())
        return (int)syscall(SYS_munmap, at, bytes);
    bool is_valid = bytes != 0 && (uintptr_t)at % PAGE == 0;
    if (is_valid && !device_unmaps(CALLER(), (uintptr_t)at, bytes) && is_counted(CALLER()))
        record_unmap(CALLER(), (uintptr_t)at, bytes);
    int result = real_map.munmap(at, bytes);
    unwind_forget_readable();
    return result;
}

/* The old range is given back before, so that another thread's map of it comes later; if the call fails, it was mapped all the time. */
static void *remapped(const struct caller *from, void *at, size_t bytes, size_t grown, int flags, void *to)
{
    bool of_device = device_maps_at(from, (uintptr_t)at), counted = bytes != 0 && !of_device && is_counted(from);
    if (counted)
        record_unmap(from, (uintptr_t)at, bytes);
    void *moved = real_map.mremap(at, bytes, grown, flags, to);
    if (of_device && moved != MAP_FAILED)
        device_remapped(from, (uintptr_t)at, bytes, (uintptr_t)moved, grown);
    if (counted)
        record_map(from, moved == MAP_FAILED ? (uintptr_t)at : (uintptr_t)moved, moved == MAP_FAILED ? bytes : grown);
    unwind_forget_readable();
    return moved;
}

HOOK void *mremap(void *at, size_t bytes, size_t grown, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    void *to = (flags & MREMAP_FIXED) != 0 ? va_arg(more, void *) : NULL;
    va_end(more);
    if (!is_known())
        return (void *)syscall(SYS_mremap, at, bytes, grown, flags, to);
    return remapped(CALLER(), at, bytes, grown, flags, to);
}
