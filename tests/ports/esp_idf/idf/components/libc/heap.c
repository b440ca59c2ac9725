/* SPDX-License-Identifier: Apache-2.0
 *
 * C's allocator over heap_caps, and newlib's family where newlib is the C library.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "esp_heap_caps.h"
#include "esp_idf_version.h"
#include "sdkconfig.h"

struct _reent;
void *heap_caps_malloc_default(size_t size);
void *heap_caps_realloc_default(void *ptr, size_t size);
void *heap_caps_aligned_alloc_default(size_t alignment, size_t size);
void *_malloc_r(struct _reent *r, size_t size);
void *_realloc_r(struct _reent *r, void *ptr, size_t size);
void *_calloc_r(struct _reent *r, size_t n, size_t size);
void _free_r(struct _reent *r, void *ptr);

#if ESP_IDF_VERSION >= ESP_IDF_VERSION_VAL(5, 3, 0)
#define ALIGNED(alignment, size) heap_caps_aligned_alloc_default(alignment, size)
#else
#define ALIGNED(alignment, size) heap_caps_aligned_alloc(alignment, size, MALLOC_CAP_DEFAULT)
#endif

void *malloc(size_t size)
{
    return heap_caps_malloc_default(size);
}

void *realloc(void *ptr, size_t size)
{
    return heap_caps_realloc_default(ptr, size);
}

void free(void *ptr)
{
    heap_caps_free(ptr);
}

void *calloc(size_t n, size_t size)
{
    size_t bytes;
    void *result = __builtin_mul_overflow(n, size, &bytes) ? NULL : heap_caps_malloc_default(bytes);
    if (result != NULL)
        memset(result, 0, bytes);
    return result;
}

#if !CONFIG_LIBC_PICOLIBC
void *_malloc_r(struct _reent *r, size_t size)
{
    (void)r;
    return heap_caps_malloc_default(size);
}

void _free_r(struct _reent *r, void *ptr)
{
    (void)r;
    heap_caps_free(ptr);
}

void *_realloc_r(struct _reent *r, void *ptr, size_t size)
{
    (void)r;
    return heap_caps_realloc_default(ptr, size);
}

void *_calloc_r(struct _reent *r, size_t n, size_t size)
{
    (void)r;
    return calloc(n, size);
}
#endif

void *memalign(size_t alignment, size_t n)
{
    return ALIGNED(alignment, n);
}

#if ESP_IDF_VERSION >= ESP_IDF_VERSION_VAL(5, 1, 0)
void *aligned_alloc(size_t alignment, size_t n)
{
    return ALIGNED(alignment, n);
}
#endif

int posix_memalign(void **out, size_t alignment, size_t size)
{
    void *result = ALIGNED(alignment, size);
    if (result == NULL)
        return ENOMEM;
    *out = result;
    return 0;
}

void libc_include_heap_impl(void);

/* Forces the linker to take this file before the C library's own. */
void libc_include_heap_impl(void)
{
}
