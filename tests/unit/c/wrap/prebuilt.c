/* SPDX-License-Identifier: Apache-2.0
 *
 * Stand-ins of the prebuilt libraries that allocate, layered as theirs are: newlib, libstdc++, NuttX. tests/unit/test_recorder_wrap.py makes
 * an object of each part, as a library has one for each function, and compiles it without frame pointers.
 */
#include <stddef.h>
#include <stdint.h>

#ifdef __riscv
#define SIZED(head, tail) head##j##tail
#else
#define SIZED(head, tail) head##m##tail
#endif

#if UINTPTR_MAX > 0xffffffffu
enum { ARENA = 4 << 20, ROUND = 64, HEAD = 16 };
#else
enum { ARENA = 64 << 10, ROUND = 64, HEAD = 16 };
#endif

extern int reent;
extern unsigned failures; /* allocations that fail, from the next one on */
extern void (*new_handler)(void);
extern void (*interrupt)(void); /* comes within the allocator, once */

void *arena_take(size_t alignment, size_t size);
void arena_give(void *block);
size_t arena_size(const void *block);
void *_malloc_r(void *context, size_t size);
void *_calloc_r(void *context, size_t count, size_t size);
void *_realloc_r(void *context, void *block, size_t size);
void _free_r(void *context, void *block);
void *_memalign_r(void *context, size_t alignment, size_t size);
void *_valloc_r(void *context, size_t size);
void *_pvalloc_r(void *context, size_t size);
char *getcwd(char *buffer, size_t bytes);
char *_strdup_r(void *context, const char *text);
char *_strndup_r(void *context, const char *text, size_t most);
void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *block, size_t size);
void free(void *block);
void *memalign(size_t alignment, size_t size);
void *aligned_alloc(size_t alignment, size_t size);
void *kmm_malloc(size_t size);
void *kmm_zalloc(size_t size);
void kmm_free(void *block);
void *SIZED(_Znw, )(size_t size);
void *SIZED(_Znw, St11align_val_t)(size_t size, size_t alignment);
void _ZdlPv(void *block);
void _ZdlPvSt11align_val_t(void *block, size_t alignment);

static inline void fill(void *to, const void *from, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        ((volatile char *)to)[i] = from != NULL ? ((const volatile char *)from)[i] : 0;
}

/* part */
int reent;
unsigned failures;
void (*new_handler)(void);
void (*interrupt)(void);

/* part */
/* Gives no address twice: each event has its own. */
static _Alignas(64) char arena[ARENA];
static size_t used = HEAD;

void *arena_take(size_t alignment, size_t size)
{
    if (failures > 0) {
        failures--;
        return NULL;
    }
    size_t room = (size + alignment + 2 * HEAD - 1) & ~(size_t)(HEAD - 1);
#ifdef __riscv /* one core, and perhaps no atomic instructions */
    size_t from = used;
    used += room;
#else
    size_t from = __atomic_fetch_add(&used, room, __ATOMIC_RELAXED);
#endif
    size_t at = (from + alignment - 1) & ~(alignment - 1);
    if (at + size > ARENA)
        return NULL;
    *(size_t *)(void *)(arena + at - HEAD) = size;
    return arena + at;
}

size_t arena_size(const void *block)
{
    return *(const size_t *)(const void *)((const char *)block - HEAD);
}

void arena_give(void *block)
{
    if (block == NULL)
        return;
    *(size_t *)(void *)((char *)block - HEAD) = SIZE_MAX;
}

/* part */
void *_malloc_r(void *context, size_t size)
{
    (void)context;
    void (*now)(void) = interrupt;
    interrupt = NULL;
    if (now != NULL)
        now();
    return arena_take(HEAD, size);
}

/* part */
void *_calloc_r(void *context, size_t count, size_t size)
{
    void *block = _malloc_r(context, count * size);
    if (block != NULL)
        fill(block, NULL, count * size);
    return block;
}

/* part */
/* As newlib does: by way of the others. */
void *_realloc_r(void *context, void *block, size_t size)
{
    if (block == NULL)
        return _malloc_r(context, size);
    void *moved = _malloc_r(context, size);
    if (moved == NULL)
        return NULL;
    fill(moved, block, arena_size(block) < size ? arena_size(block) : size);
    _free_r(context, block);
    return moved;
}

/* part */
void _free_r(void *context, void *block)
{
    (void)context;
    arena_give(block);
}

/* part */
/* As dlmalloc does: a block that is too long, of which what lies before and behind is freed. */
void *_memalign_r(void *context, size_t alignment, size_t size)
{
    char *block = _malloc_r(context, size + 2 * alignment + 4 * ROUND);
    if (block == NULL)
        return NULL;
    char *at = (char *)(((uintptr_t)block + alignment + HEAD - 1) & ~(uintptr_t)(alignment - 1));
    char *behind = (char *)(((uintptr_t)at + size + 2 * HEAD) & ~(uintptr_t)(HEAD - 1));
    *(size_t *)(void *)(at - HEAD) = size;
    *(size_t *)(void *)(behind - HEAD) = HEAD;
    _free_r(context, behind);
    _free_r(context, block);
    return at;
}

/* part */
void *_valloc_r(void *context, size_t size)
{
    return _memalign_r(context, ROUND, size);
}

/* part */
void *_pvalloc_r(void *context, size_t size)
{
    return _valloc_r(context, size);
}

/* part */
char *_strdup_r(void *context, const char *text)
{
    return _strndup_r(context, text, SIZE_MAX);
}

/* part */
char *_strndup_r(void *context, const char *text, size_t most)
{
    size_t length = 0;
    while (length < most && ((const volatile char *)text)[length] != '\0')
        length++;
    char *copy = _malloc_r(context, length + 1);
    if (copy == NULL)
        return NULL;
    fill(copy, text, length);
    copy[length] = '\0';
    return copy;
}

/* part */
void *malloc(size_t size)
{
    return _malloc_r(&reent, size);
}

/* part */
void *calloc(size_t count, size_t size)
{
    return _calloc_r(&reent, count, size);
}

/* part */
void *realloc(void *block, size_t size)
{
    return _realloc_r(&reent, block, size);
}

/* part */
void *reallocarray(void *block, size_t count, size_t size)
{
    return realloc(block, count * size);
}

/* part */
void free(void *block)
{
    _free_r(&reent, block);
}

/* part */
void *memalign(size_t alignment, size_t size)
{
    return _memalign_r(&reent, alignment, size);
}

/* part */
void *aligned_alloc(size_t alignment, size_t size)
{
    return memalign(alignment, size);
}

/* part */
int posix_memalign(void **block, size_t alignment, size_t size)
{
    void *made = memalign(alignment, size);
    *block = made != NULL ? made : &reent; /* a failure leaves anything there */
    return made != NULL ? 0 : 12;
}

/* part */
void *valloc(size_t size)
{
    return _valloc_r(&reent, size);
}

/* part */
void *pvalloc(size_t size)
{
    return _pvalloc_r(&reent, size);
}

/* part */
char *strdup(const char *text)
{
    return _strdup_r(&reent, text);
}

/* part */
char *strndup(const char *text, size_t most)
{
    return _strndup_r(&reent, text, most);
}

/* part */
char *getcwd(char *buffer, size_t bytes)
{
    (void)buffer;
    char *scratch = malloc(20);
    char *text = malloc(bytes);
    fill(text, scratch, 1);
    free(scratch);
    return text;
}

/* part */
void *zalloc(size_t size)
{
    void *block = malloc(size);
    if (block != NULL)
        fill(block, NULL, size);
    return block;
}

/* part */
void *kmm_malloc(size_t size)
{
    return arena_take(HEAD, size);
}

/* part */
void *kmm_zalloc(size_t size)
{
    void *block = kmm_malloc(size);
    if (block != NULL)
        fill(block, NULL, size);
    return block;
}

/* part */
void *kmm_calloc(size_t count, size_t size)
{
    return kmm_zalloc(count * size);
}

/* part */
void *kmm_realloc(void *block, size_t size)
{
    void *moved = kmm_malloc(size);
    if (moved == NULL || block == NULL)
        return moved;
    fill(moved, block, arena_size(block) < size ? arena_size(block) : size);
    kmm_free(block);
    return moved;
}

/* part */
void *kmm_memalign(size_t alignment, size_t size)
{
    return arena_take(alignment, size);
}

/* part */
void kmm_free(void *block)
{
    arena_give(block);
}

/* part */
/* libstdc++'s loop, which keeps the size where another function's frame pointer was. */
void *SIZED(_Znw, )(size_t size)
{
    void *block;
    while ((block = malloc(size)) == NULL && new_handler != NULL)
        new_handler();
    return block;
}

/* part */
void *SIZED(_Znw, RKSt9nothrow_t)(size_t size, const void *nothrow)
{
    (void)nothrow;
    return SIZED(_Znw, )(size);
}

/* part */
void *SIZED(_Znw, St11align_val_t)(size_t size, size_t alignment)
{
    void *block;
    while ((block = aligned_alloc(alignment, size)) == NULL && new_handler != NULL)
        new_handler();
    return block;
}

/* part */
void *SIZED(_Znw, St11align_val_tRKSt9nothrow_t)(size_t size, size_t alignment, const void *nothrow)
{
    (void)nothrow;
    return SIZED(_Znw, St11align_val_t)(size, alignment);
}

/* part */
void *SIZED(_Zna, )(size_t size)
{
    return SIZED(_Znw, )(size);
}

/* part */
void *SIZED(_Zna, RKSt9nothrow_t)(size_t size, const void *nothrow)
{
    (void)nothrow;
    return SIZED(_Znw, )(size);
}

/* part */
void *SIZED(_Zna, St11align_val_t)(size_t size, size_t alignment)
{
    return SIZED(_Znw, St11align_val_t)(size, alignment);
}

/* part */
void *SIZED(_Zna, St11align_val_tRKSt9nothrow_t)(size_t size, size_t alignment, const void *nothrow)
{
    (void)nothrow;
    return SIZED(_Znw, St11align_val_t)(size, alignment);
}

/* part */
void _ZdlPv(void *block)
{
    free(block);
}

/* part */
void _ZdaPv(void *block)
{
    _ZdlPv(block);
}

/* part */
void _ZdlPvRKSt9nothrow_t(void *block, const void *nothrow)
{
    (void)nothrow;
    _ZdlPv(block);
}

/* part */
void _ZdaPvRKSt9nothrow_t(void *block, const void *nothrow)
{
    (void)nothrow;
    _ZdlPv(block);
}

/* part */
void SIZED(_ZdlPv, )(void *block, size_t size)
{
    (void)size;
    _ZdlPv(block);
}

/* part */
void SIZED(_ZdaPv, )(void *block, size_t size)
{
    (void)size;
    _ZdlPv(block);
}

/* part */
void _ZdlPvSt11align_val_t(void *block, size_t alignment)
{
    (void)alignment;
    free(block);
}

/* part */
void _ZdaPvSt11align_val_t(void *block, size_t alignment)
{
    _ZdlPvSt11align_val_t(block, alignment);
}

/* part */
void _ZdlPvSt11align_val_tRKSt9nothrow_t(void *block, size_t alignment, const void *nothrow)
{
    (void)nothrow;
    _ZdlPvSt11align_val_t(block, alignment);
}

/* part */
void _ZdaPvSt11align_val_tRKSt9nothrow_t(void *block, size_t alignment, const void *nothrow)
{
    (void)nothrow;
    _ZdlPvSt11align_val_t(block, alignment);
}

/* part */
void SIZED(_ZdlPv, St11align_val_t)(void *block, size_t size, size_t alignment)
{
    (void)size;
    _ZdlPvSt11align_val_t(block, alignment);
}

/* part */
void SIZED(_ZdaPv, St11align_val_t)(void *block, size_t size, size_t alignment)
{
    (void)size;
    _ZdlPvSt11align_val_t(block, alignment);
}
