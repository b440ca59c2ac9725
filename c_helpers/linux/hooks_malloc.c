/* SPDX-License-Identifier: Apache-2.0
 *
 * malloc and its relatives. What ends in one of them (strdup, getline, C++'s operators of most libraries) comes by here, too.
 */
#include <dlfcn.h>
#include <errno.h>
#include <string.h>

#include "hooks.h"
#include "modules.h"
#include "recorder.h"

#define ARENA_BYTES 65536u
#define ARENA_ALIGN 16u

/* What the loader asks for while it looks up the real functions; it is never given back. */
static struct {
    _Alignas(ARENA_ALIGN) char bytes[ARENA_BYTES];
    size_t used;
} arena;

static bool resolving, resolved;
static uintptr_t allocator_start, allocator_end;
static void *allocator_base;

static void *arena_take(size_t size)
{
    size_t whole = (size + ARENA_ALIGN - 1u) & ~(size_t)(ARENA_ALIGN - 1u);
    if (whole < size || whole > ARENA_BYTES - arena.used)
        return NULL;
    arena.used += whole;
    return arena.bytes + arena.used - whole;
}

static bool is_of_arena(const void *block)
{
    return (uintptr_t)block - (uintptr_t)arena.bytes < ARENA_BYTES;
}

/* --- until the real functions are known --- */

static void *first_malloc(size_t size)
{
    if (resolving)
        return arena_take(size);
    hooks_resolve();
    return real.malloc(size);
}

static void *first_calloc(size_t count, size_t size)
{
    size_t bytes;
    if (resolving)
        return __builtin_mul_overflow(count, size, &bytes) ? NULL : arena_take(bytes);
    hooks_resolve();
    return real.calloc(count, size);
}

static void first_free(void *block)
{
    if (resolving || is_of_arena(block))
        return;
    hooks_resolve();
    real.free(block);
}

static void *first_realloc(void *block, size_t size)
{
    if (!resolving) {
        hooks_resolve();
        return real.realloc(block, size);
    }
    void *moved = arena_take(size);
    if (moved != NULL && block != NULL)
        memcpy(moved, block, size); /* may take bytes behind the block along, which are the arena's */
    return moved;
}

static void *no_aligned(size_t alignment, size_t size)
{
    (void)alignment;
    (void)size;
    errno = ENOMEM;
    return NULL;
}

static void *no_page_aligned(size_t size)
{
    return no_aligned(0, size);
}

static int no_posix_memalign(void **block, size_t alignment, size_t size)
{
    (void)block;
    (void)alignment;
    (void)size;
    return ENOMEM;
}

/* glibc and musl have it; where it is missing, this is what it is. */
static void *own_reallocarray(void *block, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return real.realloc(block, bytes);
}

static size_t no_usable_size(void *block)
{
    (void)block;
    return 0;
}

struct allocator real = {
    first_malloc, first_free,        first_calloc,    first_realloc,   own_reallocarray, no_aligned,
    no_aligned,   no_posix_memalign, no_page_aligned, no_page_aligned, no_usable_size,
};

/* After the arena has given blocks, they must not reach the real functions. */
static struct allocator behind_arena;

static void free_but_arena(void *block)
{
    if (!is_of_arena(block))
        behind_arena.free(block);
}

static void *realloc_but_arena(void *block, size_t size)
{
    if (!is_of_arena(block))
        return behind_arena.realloc(block, size);
    size_t most = (size_t)(arena.bytes + ARENA_BYTES - (char *)block);
    void *moved = behind_arena.malloc(size);
    if (moved != NULL)
        memcpy(moved, block, size < most ? size : most);
    return moved;
}

void *real_function(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

/* ISO C knows no conversion between pointers to functions and to data. */
static void look_up(const char *name, void *function)
{
    void *found = real_function(name);
    if (found != NULL)
        memcpy(function, &found, sizeof found);
}

static void allocator_locate(void)
{
    Dl_info info;
    void *function;
    memcpy(&function, &real.malloc, sizeof function);
    if (dladdr(function, &info) != 0)
        allocator_base = info.dli_fbase;
}

void hooks_resolve(void)
{
    if (resolving || resolved)
        return;
    resolving = true;
    int error = errno;
    struct allocator found = real;
    look_up("malloc", &found.malloc);
    look_up("free", &found.free);
    look_up("calloc", &found.calloc);
    look_up("realloc", &found.realloc);
    look_up("reallocarray", &found.reallocarray);
    look_up("memalign", &found.memalign);
    look_up("aligned_alloc", &found.aligned_alloc);
    look_up("posix_memalign", &found.posix_memalign);
    look_up("valloc", &found.valloc);
    look_up("pvalloc", &found.pvalloc);
    look_up("malloc_usable_size", &found.malloc_usable_size);
    behind_arena = found;
    if (arena.used != 0) {
        found.free = free_but_arena;
        found.realloc = realloc_but_arena;
    }
    real = found;
    real.malloc = behind_arena.malloc;
    allocator_locate();
    resolved = true;
    resolving = false;
    errno = error;
}

size_t hooks_usable_size(uintptr_t block)
{
    if (block == 0)
        return 0;
    record_inside++; /* tcmalloc's allocates when it is first called, and would come back here */
    size_t size = real.malloc_usable_size((void *)block);
    record_inside--;
    return size;
}

bool hooks_is_allocator(uintptr_t pc)
{
    struct module module;
    uintptr_t function;
    memcpy(&function, &real.malloc, sizeof function);
    if (allocator_end == 0) {
        bool found = modules_find(function, &module);
        allocator_start = found ? module.start : 0;
        allocator_end = found ? module.end : 1;
    }
    return pc - allocator_start < allocator_end - allocator_start;
}

bool hooks_operators_allocate(const void *operator_new)
{
    Dl_info info;
    return operator_new != NULL && dladdr(operator_new, &info) != 0 && info.dli_fbase == allocator_base;
}

/* --- the hooks --- */

static void given(const struct caller *from, void *block, size_t size)
{
    if (block != NULL)
        record_alloc(from, (uintptr_t)block, size, HEAP_HOST);
    else if (size != 0)
        record_failed(from, size, HEAP_HOST);
}

HOOK void *malloc(size_t size)
{
    if (recorder_is_idle() || recorder_is_off())
        return real.malloc(size);
    void *block = real.malloc(size);
    given(CALLER(), block, size);
    return block;
}

HOOK void free(void *block)
{
    if (recorder_is_idle()) {
        real.free(block);
        return;
    }
    if (!recorder_is_off() && block != NULL)
        record_free(CALLER(), (uintptr_t)block, HEAP_HOST);
    real.free(block);
}

HOOK void *calloc(size_t count, size_t size)
{
    if (recorder_is_idle() || recorder_is_off())
        return real.calloc(count, size);
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        bytes = SIZE_MAX;
    record_inside++;
    void *block = real.calloc(count, size);
    record_inside--;
    given(CALLER(), block, bytes);
    return block;
}

static void *reallocated(const struct caller *from, void *block, size_t size)
{
    uint64_t begin = record_realloc_begin(from, (uintptr_t)block, size);
    record_inside++;
    void *moved = real.realloc(block, size);
    record_inside--;
    record_realloc_end(from, begin, (uintptr_t)block, (uintptr_t)moved, size);
    return moved;
}

/* Without a block it allocates, and a size of 0 frees; a realloc of 0 that gives a block is both. */
static void *realloc_any(const struct caller *from, void *block, size_t size)
{
    if (block != NULL && size != 0)
        return reallocated(from, block, size);
    if (block != NULL)
        record_free(from, (uintptr_t)block, HEAP_HOST);
    record_inside++;
    void *moved = real.realloc(block, size);
    record_inside--;
    if (moved != NULL || block == NULL)
        given(from, moved, size);
    return moved;
}

HOOK void *realloc(void *block, size_t size)
{
    if (recorder_is_idle() || recorder_is_off())
        return real.realloc(block, size);
    return realloc_any(CALLER(), block, size);
}

HOOK void *reallocarray(void *block, size_t count, size_t size)
{
    size_t bytes;
    if (recorder_is_off() || __builtin_mul_overflow(count, size, &bytes))
        return real.reallocarray(block, count, size);
    return realloc_any(CALLER(), block, bytes);
}

HOOK void *memalign(size_t alignment, size_t size)
{
    if (recorder_is_off())
        return real.memalign(alignment, size);
    record_inside++;
    void *block = real.memalign(alignment, size);
    record_inside--;
    given(CALLER(), block, size);
    return block;
}

HOOK void *aligned_alloc(size_t alignment, size_t size)
{
    if (recorder_is_off())
        return real.aligned_alloc(alignment, size);
    record_inside++;
    void *block = real.aligned_alloc(alignment, size);
    record_inside--;
    given(CALLER(), block, size);
    return block;
}

HOOK int posix_memalign(void **block, size_t alignment, size_t size)
{
    if (recorder_is_off())
        return real.posix_memalign(block, alignment, size);
    record_inside++;
    int result = real.posix_memalign(block, alignment, size);
    record_inside--;
    given(CALLER(), result == 0 ? *block : NULL, size);
    return result;
}

HOOK void *valloc(size_t size)
{
    if (recorder_is_off())
        return real.valloc(size);
    record_inside++;
    void *block = real.valloc(size);
    record_inside--;
    given(CALLER(), block, size);
    return block;
}

HOOK void *pvalloc(size_t size)
{
    if (recorder_is_off())
        return real.pvalloc(size);
    record_inside++;
    void *block = real.pvalloc(size);
    record_inside--;
    given(CALLER(), block, size);
    return block;
}
