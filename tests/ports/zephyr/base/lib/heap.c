/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <zephyr/kernel.h>
#include <zephyr/sys/__assert.h>

/* A list of chunks side by side; the first that fits is taken. */
struct chunk {
    uint32_t size; /* with this; 0: the end */
    uint32_t used;
};

enum { SMALLEST = 16, ALIGNMENT = 8 };

static struct chunk *chunk_at(void *place, size_t offset)
{
    return (struct chunk *)(void *)((char *)place + offset);
}

void sys_heap_init(struct sys_heap *heap, void *mem, size_t bytes)
{
    heap->heap = mem;
    heap->init_mem = mem;
    heap->init_bytes = bytes;
    chunk_at(mem, 0)->size = (uint32_t)(bytes - sizeof(struct chunk));
    chunk_at(mem, 0)->used = 0;
    chunk_at(mem, bytes - sizeof(struct chunk))->size = 0;
}

static void chunk_join(struct chunk *chunk)
{
    for (struct chunk *next = chunk_at(chunk, chunk->size); next->size != 0 && !next->used;
         next = chunk_at(chunk, chunk->size))
        chunk->size += next->size;
}

static void chunk_split(struct chunk *chunk, size_t size)
{
    if (chunk->size < size + SMALLEST)
        return;
    struct chunk *rest = chunk_at(chunk, size);
    rest->size = chunk->size - (uint32_t)size;
    rest->used = 0;
    chunk->size = (uint32_t)size;
}

/* The lowest bit of `align` besides its highest is by how much the block begins before the aligned address. */
void *sys_heap_aligned_alloc(struct sys_heap *heap, size_t align, size_t bytes)
{
    size_t rewind = align & -align;
    rewind = align != rewind ? rewind : 0;
    align = align - rewind > ALIGNMENT ? align - rewind : ALIGNMENT;
    size_t wanted = (bytes + sizeof(struct chunk) + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    for (struct chunk *chunk = heap->heap; chunk->size != 0; chunk = chunk_at(chunk, chunk->size)) {
        if (chunk->used)
            continue;
        chunk_join(chunk);
        size_t front = 0;
        if (align > ALIGNMENT)
            front = align + SMALLEST - ((uintptr_t)chunk + SMALLEST + sizeof *chunk + rewind) % align;
        if (bytes > heap->init_bytes || chunk->size < wanted + front)
            continue;
        if (front != 0) {
            struct chunk *aligned = chunk_at(chunk, front);
            aligned->size = chunk->size - (uint32_t)front;
            chunk->size = (uint32_t)front;
            chunk = aligned;
        }
        chunk->used = 1;
        chunk_split(chunk, wanted);
        return chunk + 1;
    }
    return NULL;
}

void sys_heap_free(struct sys_heap *heap, void *mem)
{
    (void)heap;
    if (mem == NULL)
        return;
    struct chunk *chunk = (struct chunk *)mem - 1;
    __ASSERT_NO_MSG(chunk->used == 1);
    chunk->used = 0;
}

/* In place where there is room behind. */
void *sys_heap_realloc(struct sys_heap *heap, void *ptr, size_t bytes)
{
    if (ptr == NULL)
        return sys_heap_aligned_alloc(heap, 0, bytes);
    if (bytes == 0) {
        sys_heap_free(heap, ptr);
        return NULL;
    }
    struct chunk *chunk = (struct chunk *)ptr - 1;
    size_t wanted = (bytes + sizeof *chunk + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    struct chunk *next = chunk_at(chunk, chunk->size);
    if (next->size != 0 && !next->used)
        chunk->size += next->size;
    if (bytes <= heap->init_bytes && chunk->size >= wanted) {
        chunk_split(chunk, wanted);
        return ptr;
    }
    void *moved = sys_heap_aligned_alloc(heap, 0, bytes);
    if (moved != NULL) {
        memcpy(moved, ptr, chunk->size - sizeof *chunk < bytes ? chunk->size - sizeof *chunk : bytes);
        sys_heap_free(heap, ptr);
    }
    return moved;
}
