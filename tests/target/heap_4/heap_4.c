/* SPDX-License-Identifier: Apache-2.0
 *
 * heap_caps_* over a heap kept as FreeRTOS's heap_4 keeps it, under the names of its symbols. As there, a call suspends the
 * scheduler and nothing else: interrupts go on. The code is the project's own.
 */
#include <stdbool.h>
#include <string.h>

#include "heap_caps.h"

enum { HEAP_BYTES = 64 * 1024, ALIGNMENT = 8, LEAST = 16 };
#define ALLOCATED ((size_t)1 << (sizeof(size_t) * 8 - 1))

typedef struct A_BLOCK_LINK {
    struct A_BLOCK_LINK *pxNextFreeBlock;
    size_t xBlockSize; /* with this header; the top bit: used */
} BlockLink_t;

_Static_assert(sizeof(BlockLink_t) == ALIGNMENT, "headers keep the alignment");

static uint8_t ucHeap[HEAP_BYTES] __attribute__((aligned(ALIGNMENT)));
static BlockLink_t xStart;
static BlockLink_t *pxEnd;
static size_t xFreeBytesRemaining;
static size_t xMinimumEverFreeBytesRemaining;
static volatile unsigned uxSchedulerSuspended;

static void vTaskSuspendAll(void)
{
    uxSchedulerSuspended++;
}

static void xTaskResumeAll(void)
{
    uxSchedulerSuspended--;
}

static void prvInsertBlockIntoFreeList(BlockLink_t *block)
{
    BlockLink_t *before = &xStart;
    while (before->pxNextFreeBlock < block) {
        before = before->pxNextFreeBlock;
    }
    if (before != &xStart && (uint8_t *)before + before->xBlockSize == (uint8_t *)block) {
        before->xBlockSize += block->xBlockSize;
        block = before;
    }
    BlockLink_t *after = before == block ? block->pxNextFreeBlock : before->pxNextFreeBlock;
    block->pxNextFreeBlock = after;
    if (after != pxEnd && (uint8_t *)block + block->xBlockSize == (uint8_t *)after) {
        block->xBlockSize += after->xBlockSize;
        block->pxNextFreeBlock = after->pxNextFreeBlock;
    }
    if (before != block) {
        before->pxNextFreeBlock = block;
    }
}

void heap_caps_init(const struct heap_region *regions, unsigned count, const soc_memory_type_desc_t *types)
{
    (void)regions, (void)count, (void)types;
    BlockLink_t *first = (BlockLink_t *)(void *)ucHeap;
    pxEnd = (BlockLink_t *)(void *)(ucHeap + HEAP_BYTES - sizeof *pxEnd);
    *pxEnd = (BlockLink_t){NULL, 0};
    *first = (BlockLink_t){pxEnd, HEAP_BYTES - sizeof *pxEnd};
    xStart = (BlockLink_t){first, 0};
    xFreeBytesRemaining = xMinimumEverFreeBytesRemaining = first->xBlockSize;
}

static void *block_take(BlockLink_t *before, size_t wanted)
{
    BlockLink_t *block = before->pxNextFreeBlock;
    before->pxNextFreeBlock = block->pxNextFreeBlock;
    if (block->xBlockSize - wanted > LEAST) {
        BlockLink_t *rest = (BlockLink_t *)(void *)((uint8_t *)block + wanted);
        rest->xBlockSize = block->xBlockSize - wanted;
        block->xBlockSize = wanted;
        prvInsertBlockIntoFreeList(rest);
    }
    xFreeBytesRemaining -= block->xBlockSize;
    if (xFreeBytesRemaining < xMinimumEverFreeBytesRemaining) {
        xMinimumEverFreeBytesRemaining = xFreeBytesRemaining;
    }
    *block = (BlockLink_t){NULL, block->xBlockSize | ALLOCATED};
    return block + 1;
}

void *pvPortMalloc(size_t wanted);
void vApplicationMallocFailedHook(void);
void vPortFree(void *pointer);

/* The program's own, as with configUSE_MALLOC_FAILED_HOOK. */
__attribute__((noinline)) void vApplicationMallocFailedHook(void)
{
    __asm__ volatile("");
}

void *pvPortMalloc(size_t wanted)
{
    void *found = NULL;
    if (wanted == 0 || wanted > HEAP_BYTES) {
        return NULL;
    }
    wanted = (wanted + sizeof(BlockLink_t) + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    vTaskSuspendAll();
    BlockLink_t *before = &xStart;
    while (before->pxNextFreeBlock != pxEnd && before->pxNextFreeBlock->xBlockSize < wanted) {
        before = before->pxNextFreeBlock;
    }
    if (before->pxNextFreeBlock != pxEnd) {
        found = block_take(before, wanted);
    }
    xTaskResumeAll();
    if (found == NULL) {
        vApplicationMallocFailedHook();
    }
    return found;
}

void vPortFree(void *pointer)
{
    if (pointer == NULL) {
        return;
    }
    BlockLink_t *block = (BlockLink_t *)pointer - 1;
    block->xBlockSize &= ~ALLOCATED;
    vTaskSuspendAll();
    xFreeBytesRemaining += block->xBlockSize;
    prvInsertBlockIntoFreeList(block);
    xTaskResumeAll();
}

void *heap_caps_malloc(size_t size, uint32_t caps)
{
    (void)caps;
    return pvPortMalloc(size);
}

void *heap_caps_calloc(size_t count, size_t size, uint32_t caps)
{
    void *pointer = heap_caps_malloc(count * size, caps);
    return pointer == NULL ? NULL : memset(pointer, 0, count * size);
}

void heap_caps_free(void *pointer)
{
    vPortFree(pointer);
}

void *heap_caps_realloc(void *pointer, size_t size, uint32_t caps)
{
    void *moved = size == 0 ? NULL : heap_caps_malloc(size, caps);
    if (moved != NULL && pointer != NULL) {
        size_t held = (((BlockLink_t *)pointer - 1)->xBlockSize & ~ALLOCATED) - sizeof(BlockLink_t);
        memcpy(moved, pointer, held < size ? held : size);
    }
    if (moved != NULL || size == 0) {
        vPortFree(pointer);
    }
    return moved;
}

unsigned heap_caps_number(const void *pointer, uint32_t caps)
{
    (void)pointer, (void)caps;
    return 0;
}
