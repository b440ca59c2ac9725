/* SPDX-License-Identifier: Apache-2.0
 *
 * newlib's reentrant family, which its own functions call (printf, fopen) and under which malloc is a thin layer. newlib.wrap
 * has the linker's options; use malloc.wrap beside it, or the caller of each event is newlib's malloc.
 */
#include "memtrace_wrap.h"

struct _reent;

void *__real__malloc_r(struct _reent *reent, size_t size);
void *__real__calloc_r(struct _reent *reent, size_t count, size_t size);
void *__real__realloc_r(struct _reent *reent, void *block, size_t size);
void __real__free_r(struct _reent *reent, void *block);
void *__real__memalign_r(struct _reent *reent, size_t alignment, size_t size);
void *__real__valloc_r(struct _reent *reent, size_t size);
void *__real__pvalloc_r(struct _reent *reent, size_t size);
char *__real__strdup_r(struct _reent *reent, const char *text);
char *__real__strndup_r(struct _reent *reent, const char *text, size_t most);
void *__wrap__malloc_r(struct _reent *reent, size_t size);
void *__wrap__calloc_r(struct _reent *reent, size_t count, size_t size);
void *__wrap__realloc_r(struct _reent *reent, void *block, size_t size);
void __wrap__free_r(struct _reent *reent, void *block);
void *__wrap__memalign_r(struct _reent *reent, size_t alignment, size_t size);
void *__wrap__valloc_r(struct _reent *reent, size_t size);
void *__wrap__pvalloc_r(struct _reent *reent, size_t size);
char *__wrap__strdup_r(struct _reent *reent, const char *text);
char *__wrap__strndup_r(struct _reent *reent, const char *text, size_t most);

void *__wrap__malloc_r(struct _reent *reent, size_t size)
{
    if (memtrace_is_off())
        return __real__malloc_r(reent, size);
    struct memtrace_wrap call;
    memtrace_wrap_begin(&call, MEMTRACE_CALLER(), MEMTRACE_WRAP_ALLOCATOR);
    return memtrace_wrap_got(&call, __real__malloc_r(reent, size), size);
}

void *__wrap__calloc_r(struct _reent *reent, size_t count, size_t size)
{
    if (memtrace_is_off())
        return __real__calloc_r(reent, count, size);
    struct memtrace_wrap call;
    memtrace_entry_seen(MEMTRACE_ENTRY_CALLOC);
    memtrace_wrap_begin(&call, MEMTRACE_CALLER(), MEMTRACE_WRAP_ALLOCATOR);
    return memtrace_wrap_got(&call, __real__calloc_r(reent, count, size), memtrace_wrap_product(count, size));
}

void *__wrap__realloc_r(struct _reent *reent, void *block, size_t size)
{
    if (memtrace_is_off())
        return __real__realloc_r(reent, block, size);
    struct memtrace_wrap call;
    struct memtrace_realloc begun = memtrace_wrap_move(&call, MEMTRACE_CALLER(), block, size);
    return memtrace_wrap_moved(&call, begun, block, __real__realloc_r(reent, block, size), size);
}

void __wrap__free_r(struct _reent *reent, void *block)
{
    if (memtrace_is_off()) {
        __real__free_r(reent, block);
        return;
    }
    struct memtrace_wrap call;
    memtrace_wrap_give(&call, MEMTRACE_CALLER(), MEMTRACE_WRAP_ALLOCATOR, block);
    __real__free_r(reent, block);
    memtrace_wrap_end(&call);
}

void *__wrap__memalign_r(struct _reent *reent, size_t alignment, size_t size)
{
    if (memtrace_is_off())
        return __real__memalign_r(reent, alignment, size);
    struct memtrace_wrap call;
    memtrace_entry_seen(MEMTRACE_ENTRY_ALIGNED);
    memtrace_wrap_begin(&call, MEMTRACE_CALLER(), MEMTRACE_WRAP_ALLOCATOR);
    return memtrace_wrap_got(&call, __real__memalign_r(reent, alignment, size), size);
}

void *__wrap__valloc_r(struct _reent *reent, size_t size)
{
    if (memtrace_is_off())
        return __real__valloc_r(reent, size);
    struct memtrace_wrap call;
    memtrace_entry_seen(MEMTRACE_ENTRY_ALIGNED);
    memtrace_wrap_begin(&call, MEMTRACE_CALLER(), MEMTRACE_WRAP_ALLOCATOR);
    return memtrace_wrap_got(&call, __real__valloc_r(reent, size), size);
}

void *__wrap__pvalloc_r(struct _reent *reent, size_t size)
{
    if (memtrace_is_off())
        return __real__pvalloc_r(reent, size);
    struct memtrace_wrap call;
    memtrace_entry_seen(MEMTRACE_ENTRY_ALIGNED);
    memtrace_wrap_begin(&call, MEMTRACE_CALLER(), MEMTRACE_WRAP_ALLOCATOR);
    return memtrace_wrap_got(&call, __real__pvalloc_r(reent, size), size);
}

char *__wrap__strdup_r(struct _reent *reent, const char *text)
{
    if (memtrace_is_off())
        return __real__strdup_r(reent, text);
    struct memtrace_wrap call;
    memtrace_wrap_begin(&call, MEMTRACE_CALLER(), MEMTRACE_WRAP_ALLOCATOR);
    return memtrace_wrap_got(&call, __real__strdup_r(reent, text), memtrace_wrap_copy_bytes(text, SIZE_MAX));
}

char *__wrap__strndup_r(struct _reent *reent, const char *text, size_t most)
{
    if (memtrace_is_off())
        return __real__strndup_r(reent, text, most);
    struct memtrace_wrap call;
    memtrace_wrap_begin(&call, MEMTRACE_CALLER(), MEMTRACE_WRAP_ALLOCATOR);
    return memtrace_wrap_got(&call, __real__strndup_r(reent, text, most), memtrace_wrap_copy_bytes(text, most));
}
