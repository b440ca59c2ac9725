/* SPDX-License-Identifier: Apache-2.0
 * A process with two heaps: lwIP's, kept as mem.c keeps it, and FreeRTOS's heap_4, under the names of their symbols.
 * The code is the project's own; no block is freed, and the last one of each is free.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint16_t mem_size_t;
struct mem {
    mem_size_t next, prev;
    uint8_t used;
};
enum { MEM_SIZE = 1024, HEADER = 8 };
uint8_t ram_heap[MEM_SIZE + 2 * HEADER] __attribute__((aligned(8)));
uint8_t *ram;
struct mem *ram_end, *lfree;

static void mem_init(void)
{
    ram = ram_heap;
    lfree = (struct mem *)ram;
    *lfree = (struct mem){MEM_SIZE, 0, 0};
    ram_end = (struct mem *)&ram[MEM_SIZE];
    *ram_end = (struct mem){MEM_SIZE, MEM_SIZE, 1};
}

void *mem_malloc(mem_size_t size)
{
    struct mem *one = lfree;
    mem_size_t at = (mem_size_t)((uint8_t *)one - ram), rest = at + HEADER + (size + 7 & ~7);
    *(struct mem *)&ram[rest] = (struct mem){one->next, at, 0};
    one->next = rest;
    one->used = 1;
    lfree = (struct mem *)&ram[rest];
    return (uint8_t *)one + HEADER;
}

typedef struct block {
    struct block *next;
    size_t size;
} block;

static uint8_t ucHeap[1024] __attribute__((aligned(16)));
block xStart, *pxEnd;
size_t xFreeBytesRemaining;
static const size_t USED = (size_t)1 << (8 * sizeof(size_t) - 1);

static void heap_init(void)
{
    block *first = (block *)ucHeap;
    pxEnd = (block *)(ucHeap + sizeof ucHeap - 16);
    *pxEnd = (block){0, 0};
    *first = (block){pxEnd, sizeof ucHeap - 16};
    xStart = (block){first, 0};
    xFreeBytesRemaining = first->size;
}

void *pvPortMalloc(size_t wanted)
{
    block *one = xStart.next, *rest;
    size_t size = (wanted + sizeof(block) + 15) & ~(size_t)15;
    rest = (block *)((uint8_t *)one + size);
    *rest = (block){one->next, one->size - size};
    *one = (block){0, size | USED};
    xStart.next = rest;
    xFreeBytesRemaining -= size;
    return one + 1;
}

__attribute__((noinline)) void stop_here(void)
{
    __asm__ volatile("" : : "r"(xFreeBytesRemaining), "r"(lfree) : "memory");
}

int main(void)
{
    mem_init();
    heap_init();
    char *line = mem_malloc(40);
    mem_malloc(100);
    mem_malloc(64);
    pvPortMalloc(100);
    pvPortMalloc(32);
    stop_here();
    memset(line, 'A', 40 + HEADER);
    stop_here();
    return 0;
}
