/* SPDX-License-Identifier: Apache-2.0
 * A process with two heaps, kept as the umm_malloc of ESP8266's Arduino keeps them, under the names of its symbols,
 * with poison. The code is the project's own: it allocates from the last free block, and does not join free ones.
 */
#include <stdint.h>
#include <string.h>

typedef struct {
    uint16_t next, prev, next_free, prev_free;
} umm_block;
typedef struct {
    umm_block *heap;
    void *heap_end;
    unsigned statistics[5];
    uint16_t numblocks;
    unsigned char id;
} umm_heap_context_t;

enum { DRAM_BLOCKS = 256, IRAM_BLOCKS = 64, FREE = 0x8000, MARK = 0xa5, LENGTH = 4, POISON = 4 };
umm_heap_context_t heap_context[2];
static umm_block dram[DRAM_BLOCKS], iram[IRAM_BLOCKS];

static void heap_init(unsigned which, umm_block *blocks, uint16_t count)
{
    memset(blocks, 0, count * sizeof *blocks);
    blocks[0] = (umm_block){1, 0, 1, 1};
    blocks[1] = (umm_block){(count - 1) | FREE, 0, 0, 0};
    blocks[count - 1].prev = 1;
    heap_context[which] = (umm_heap_context_t){blocks, blocks + count, {0}, count, (unsigned char)which};
}

void *umm_malloc_in(unsigned which, uint32_t size)
{
    umm_block *heap = heap_context[which].heap;
    uint32_t whole = LENGTH + POISON + size + POISON, blocks = (whole + 4 + sizeof *heap - 1) / sizeof *heap;
    uint16_t end = heap_context[which].numblocks - 1, tail = heap[end].prev, rest = tail + blocks;
    uint8_t *data = (uint8_t *)&heap[tail].next_free;
    umm_block old = heap[tail];
    heap[rest] = (umm_block){end | FREE, tail, old.next_free, old.prev_free};
    heap[old.prev_free].next_free = rest;
    heap[old.next_free].prev_free = rest;
    heap[end].prev = rest;
    heap[tail].next = rest;
    memcpy(data, &whole, LENGTH);
    memset(data + LENGTH, MARK, POISON);
    memset(data + whole - POISON, MARK, POISON);
    return data + LENGTH + POISON;
}

void umm_free_in(unsigned which, void *pointer)
{
    umm_block *heap = heap_context[which].heap;
    uint16_t number = (uint16_t)(((uint8_t *)pointer - LENGTH - POISON - (uint8_t *)heap) / sizeof *heap);
    uint16_t first = heap[0].next_free;
    heap[first].prev_free = number;
    heap[number].next_free = first;
    heap[number].prev_free = 0;
    heap[0].next_free = number;
    heap[number].next |= FREE;
}

void *umm_malloc(uint32_t size)
{
    return umm_malloc_in(0, size);
}
__attribute__((noinline)) void stop_here(void)
{
    __asm__ volatile("" ::: "memory");
}

int main(void)
{
    char *line, *packet;
    heap_init(0, dram, DRAM_BLOCKS);
    heap_init(1, iram, IRAM_BLOCKS);
    line = umm_malloc(21);
    packet = umm_malloc(100);
    umm_malloc(64);
    umm_malloc(9);
    umm_malloc_in(1, 40);
    umm_malloc_in(1, 40);
    umm_free_in(0, packet);
    stop_here();
    strcpy(line, "21 bytes, and one more"); /* 22 letters and a zero */
    stop_here();
    return 0;
}
