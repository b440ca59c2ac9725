/* SPDX-License-Identifier: Apache-2.0
 *
 * First fit, with tlsf's name of an assertion and some of its texts.
 */
#include "heap_private.h"

#if !defined(tlsf_assert)
#define tlsf_assert assert
#endif

static struct block *block_of(const void *p)
{
    return (struct block *)p - 1;
}

size_t tlsf_block_size(const void *p)
{
    return block_of(p)->size & ~1u;
}

/* A block is cut so that what is left begins 16-aligned. */
static void block_cut(struct block *block, size_t size)
{
    size_t whole = block->size & ~1u;
    if (whole < size + 64)
        return;
    struct block *rest = (struct block *)((char *)(block + 1) + size);
    *rest = (struct block){block->next, (uint32_t)(whole - size - sizeof *rest) | 1u};
    block->next = rest;
    block->size = (uint32_t)size | (block->size & 1u);
}

void *tlsf_malloc(multi_heap_handle_t heap, size_t size, size_t alignment, size_t offset)
{
    size = (size + 7u) & ~(size_t)7;
    for (struct block *block = heap->first; block != NULL; block = block->next) {
        uintptr_t at = (uintptr_t)(block + 1);
        size_t gap = alignment > 4 ? (0u - (at + offset)) & (alignment - 1u) : 0;
        if (gap != 0)
            gap += gap < 64 ? alignment * ((64 + alignment - 1) / alignment) : 0;
        if ((block->size & 1u) == 0 || (block->size & ~1u) < size + gap)
            continue;
        if (gap != 0) {
            block_cut(block, gap - sizeof *block);
            block = block->next;
        }
        block_cut(block, size);
        block->size &= ~1u;
        return block + 1;
    }
    return NULL;
}

void tlsf_free(multi_heap_handle_t heap, void *p)
{
    (void)heap;
    tlsf_assert((block_of(p)->size & 1u) == 0 && "block already marked as free");
    struct block *block = block_of(p);
    block->size |= 1u;
    struct block *next = block->next;
    if (next != NULL && (next->size & 1u) != 0) {
        block->size += (next->size & ~1u) + (uint32_t)sizeof *next;
        block->next = next->next;
    }
}

void *tlsf_realloc(multi_heap_handle_t heap, void *p, size_t size)
{
    size_t before = tlsf_block_size(p);
    if (size <= before)
        return p;
    void *moved = tlsf_malloc(heap, size, 4, 0);
    if (moved != NULL) {
        memcpy(moved, p, before);
        tlsf_free(heap, p);
    }
    return moved;
}
