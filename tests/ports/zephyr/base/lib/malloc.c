/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <zephyr/init.h>
#include <zephyr/kernel.h>

static char malloc_arena[4096] __attribute__((aligned(8)));
static struct sys_heap z_malloc_heap;

void *malloc(size_t size)
{
    return sys_heap_aligned_alloc(&z_malloc_heap, 0, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return sys_heap_aligned_alloc(&z_malloc_heap, alignment, size);
}

static int malloc_prepare(void)
{
    sys_heap_init(&z_malloc_heap, malloc_arena, sizeof malloc_arena);
    return 0;
}

void *realloc(void *ptr, size_t size)
{
    return sys_heap_realloc(&z_malloc_heap, ptr, size);
}

void free(void *ptr)
{
    sys_heap_free(&z_malloc_heap, ptr);
}

SYS_INIT(malloc_prepare, POST_KERNEL, 40);

void *calloc(size_t nmemb, size_t size)
{
    void *block = malloc(nmemb * size);
    if (block != NULL)
        memset(block, 0, nmemb * size);
    return block;
}
