/* SPDX-License-Identifier: Apache-2.0
 *
 * An allocator with the memory layout of NuttX's mm_heap of 12.x: lists of free nodes by size, heads among them.
 */
#include <assert.h>
#include <nuttx/irq.h>
#include <nuttx/mm/mm.h>
#include <string.h>

enum { ALLOCATED = 1, PREVIOUS_FREE = 2, FLAGS = 3, HEADER = 8, ALIGNMENT = 8, SMALLEST = 16, LISTS = 19 };

struct mm_freenode_s {
    size_t preceding; /* of the node before, if that is free */
    size_t size;
    struct mm_freenode_s *flink;
    struct mm_freenode_s *blink;
};

struct mm_heap_s {
    uint32_t mm_lock[4];
    size_t mm_heapsize;
    size_t mm_maxused;
    size_t mm_curused;
    struct mm_freenode_s *mm_heapstart[1];
    struct mm_freenode_s *mm_heapend[1];
    struct mm_freenode_s mm_nodelist[LISTS];
    void *mm_delaylist[1];
};

static struct mm_freenode_s *node_at(void *place, size_t offset)
{
    return (struct mm_freenode_s *)(void *)((char *)place + offset);
}

static struct mm_freenode_s *node_of(void *block)
{
    return (struct mm_freenode_s *)(void *)((char *)block - HEADER);
}

static struct mm_freenode_s *node_behind(struct mm_freenode_s *node)
{
    return node_at(node, node->size & ~(size_t)FLAGS);
}

static unsigned list_of(size_t size)
{
    unsigned list = 0;
    while (list < LISTS - 1 && size >= (size_t)SMALLEST << (list + 1))
        list++;
    return list;
}

static void node_list(struct mm_heap_s *heap, struct mm_freenode_s *node)
{
    struct mm_freenode_s *before = &heap->mm_nodelist[list_of(node->size)];
    while (before->flink != NULL && before->flink->size != 0 && before->flink->size < node->size)
        before = before->flink;
    node->blink = before;
    node->flink = before->flink;
    before->flink = node;
    if (node->flink != NULL)
        node->flink->blink = node;
}

static void node_unlist(struct mm_freenode_s *node)
{
    node->blink->flink = node->flink;
    if (node->flink != NULL)
        node->flink->blink = node->blink;
}

/* Free memory from `node` on: its neighbours are used. */
static void node_release(struct mm_heap_s *heap, struct mm_freenode_s *node, size_t size)
{
    node->size = size | (node->size & PREVIOUS_FREE);
    struct mm_freenode_s *behind = node_behind(node);
    behind->preceding = size;
    behind->size |= PREVIOUS_FREE;
    node_list(heap, node);
}

struct mm_heap_s *mm_initialize(void *start, size_t size)
{
    struct mm_heap_s *heap = start;
    memset(heap, 0, sizeof *heap);
    for (unsigned i = 1; i < LISTS; i++) {
        heap->mm_nodelist[i - 1].flink = &heap->mm_nodelist[i];
        heap->mm_nodelist[i].blink = &heap->mm_nodelist[i - 1];
    }
    size_t room = size - ((sizeof *heap + 7) & ~(size_t)7);
    struct mm_freenode_s *first = node_at(start, size - room);
    first->size = HEADER | ALLOCATED;
    struct mm_freenode_s *last = node_at(first, room - HEADER);
    last->size = HEADER | ALLOCATED;
    heap->mm_heapsize = room;
    heap->mm_heapstart[0] = first;
    heap->mm_heapend[0] = last;
    struct mm_freenode_s *rest = node_behind(first);
    rest->size = 0;
    node_release(heap, rest, room - 2 * HEADER);
    return heap;
}

static void *node_take(struct mm_heap_s *heap, size_t wanted)
{
    struct mm_freenode_s *node = heap->mm_nodelist[list_of(wanted)].flink;
    while (node != NULL && (node->size & ~(size_t)FLAGS) < wanted)
        node = node->flink;
    if (node == NULL)
        return NULL;
    node_unlist(node);
    size_t left = (node->size & ~(size_t)FLAGS) - wanted;
    if (left >= SMALLEST) {
        struct mm_freenode_s *rest = node_at(node, wanted);
        rest->size = 0;
        node_release(heap, rest, left);
        node->size = wanted;
    } else {
        node_behind(node)->size &= ~(size_t)PREVIOUS_FREE;
    }
    node->size |= ALLOCATED;
    heap->mm_curused += node->size & ~(size_t)FLAGS;
    if (heap->mm_curused > heap->mm_maxused)
        heap->mm_maxused = heap->mm_curused;
    return node_at(node, HEADER);
}

static size_t node_bytes(size_t size)
{
    size_t wanted = (size + sizeof(size_t) + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    return wanted < SMALLEST ? SMALLEST : wanted;
}

void *mm_malloc(struct mm_heap_s *heap, size_t size)
{
    if (size > heap->mm_heapsize)
        return NULL;
    irqstate_t flags = up_irq_save();
    void *block = node_take(heap, node_bytes(size));
    up_irq_restore(flags);
    return block;
}

/* Takes more, and gives back what lies in front as a node of its own. */
void *mm_memalign(struct mm_heap_s *heap, size_t alignment, size_t size)
{
    irqstate_t flags = up_irq_save();
    char *block = node_take(heap, node_bytes(size + alignment + SMALLEST));
    char *wanted = (char *)(((uintptr_t)block + SMALLEST + alignment - 1) & ~(uintptr_t)(alignment - 1));
    if (block != NULL) {
        struct mm_freenode_s *front = node_of(block);
        struct mm_freenode_s *node = node_of(wanted);
        size_t gap = (size_t)(wanted - block);
        node->size = ((front->size & ~(size_t)FLAGS) - gap) | ALLOCATED;
        node_release(heap, front, gap);
        heap->mm_curused -= gap;
    }
    up_irq_restore(flags);
    return block != NULL ? wanted : NULL;
}

void mm_free(struct mm_heap_s *heap, void *block)
{
    if (block == NULL)
        return;
    struct mm_freenode_s *node = node_of(block);
    ASSERT((node->size & ALLOCATED) != 0);
    irqstate_t flags = up_irq_save();
    size_t size = node->size & ~(size_t)FLAGS;
    heap->mm_curused -= size;
    struct mm_freenode_s *behind = node_behind(node);
    if ((behind->size & ALLOCATED) == 0) {
        node_unlist(behind);
        size += behind->size & ~(size_t)FLAGS;
    }
    if ((node->size & PREVIOUS_FREE) != 0) {
        size += node->preceding;
        node = (struct mm_freenode_s *)(void *)((char *)node - node->preceding);
        node_unlist(node);
    }
    node_release(heap, node, size);
    up_irq_restore(flags);
}

void *mm_realloc(struct mm_heap_s *heap, void *block, size_t size)
{
    if (block == NULL)
        return mm_malloc(heap, size);
    struct mm_freenode_s *node = node_of(block);
    size_t held = (node->size & ~(size_t)FLAGS) - sizeof(size_t);
    void *moved = size != 0 ? mm_malloc(heap, size) : NULL;
    if (moved != NULL)
        memcpy(moved, block, held < size ? held : size);
    if (moved != NULL || size == 0)
        mm_free(heap, block);
    return moved;
}

struct mallinfo mm_mallinfo(struct mm_heap_s *heap)
{
    struct mallinfo info = {.arena = (int)heap->mm_heapsize, .usmblks = (int)heap->mm_maxused};
    for (struct mm_freenode_s *node = heap->mm_nodelist[0].flink; node != NULL; node = node->flink) {
        int size = (int)(node->size & ~(size_t)FLAGS);
        info.fordblks += size;
        info.mxordblk = size > info.mxordblk ? size : info.mxordblk;
    }
    return info;
}
