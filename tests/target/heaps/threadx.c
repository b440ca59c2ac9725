/* SPDX-License-Identifier: Apache-2.0
 * A process with two byte pools, kept as ThreadX keeps them, under the names of its symbols. The code is the project's
 * own; a block is split where memory is left, and blocks are not joined.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct TX_BYTE_POOL_STRUCT {
    unsigned long tx_byte_pool_id;
    char *tx_byte_pool_name;
    unsigned long tx_byte_pool_available;
    unsigned tx_byte_pool_fragments;
    unsigned char *tx_byte_pool_list, *tx_byte_pool_search, *tx_byte_pool_start;
    unsigned long tx_byte_pool_size;
    void *tx_byte_pool_owner, *tx_byte_pool_suspension_list;
    unsigned tx_byte_pool_suspended_count;
    struct TX_BYTE_POOL_STRUCT *tx_byte_pool_created_next, *tx_byte_pool_created_previous;
    unsigned long port_extension[2];
} TX_BYTE_POOL;

typedef struct block {
    struct block *next;
    uintptr_t owner;
} block;

enum { LEFT_LEAST = 20 };
static const uintptr_t FREE = (uintptr_t)0xFFFFEEEEFFFFEEEEu;
TX_BYTE_POOL *_tx_byte_pool_created_ptr;
unsigned long _tx_byte_pool_created_count;
TX_BYTE_POOL byte_pool_0, net_pool;
static uintptr_t memory[512], net_memory[256];

static void pool_create(TX_BYTE_POOL *pool, char *name, void *start, size_t size)
{
    TX_BYTE_POOL *first = _tx_byte_pool_created_ptr ? _tx_byte_pool_created_ptr : pool;
    block *only = start, *end = (block *)((char *)start + size) - 1;
    *only = (block){end, FREE};
    *end = (block){only, (uintptr_t)pool};
    *pool =
        (TX_BYTE_POOL){0x42595445, name, size - sizeof(block), 2, start, start, start, size, 0, 0, 0, first, 0, {0}};
    pool->tx_byte_pool_created_previous = first == pool ? pool : first->tx_byte_pool_created_previous;
    pool->tx_byte_pool_created_previous->tx_byte_pool_created_next = pool;
    first->tx_byte_pool_created_previous = pool;
    _tx_byte_pool_created_ptr = first;
    _tx_byte_pool_created_count++;
}

unsigned _tx_byte_allocate(TX_BYTE_POOL *pool, void **memory_ptr, unsigned long size, unsigned long wait)
{
    size = (size + sizeof(uintptr_t) - 1) & ~(sizeof(uintptr_t) - 1);
    block *one = (block *)pool->tx_byte_pool_start;
    while (one->owner != FREE || (size_t)((char *)one->next - (char *)(one + 1)) < size) {
        if (one->next == (block *)pool->tx_byte_pool_start)
            return 16 + (unsigned)wait;
        one = one->next;
    }
    if ((char *)one->next - (char *)(one + 1) - size >= LEFT_LEAST) {
        block *rest = (block *)((char *)(one + 1) + size);
        *rest = (block){one->next, FREE};
        one->next = rest;
        pool->tx_byte_pool_fragments++;
    }
    pool->tx_byte_pool_available -= (unsigned long)((char *)one->next - (char *)one);
    one->owner = (uintptr_t)pool;
    pool->tx_byte_pool_search = (unsigned char *)one;
    *memory_ptr = one + 1;
    return 0;
}

unsigned _tx_byte_release(void *memory_ptr)
{
    block *one = (block *)memory_ptr - 1;
    ((TX_BYTE_POOL *)one->owner)->tx_byte_pool_available += (unsigned long)((char *)one->next - (char *)one);
    one->owner = FREE;
    return 0;
}

__attribute__((noinline)) void stop_here(void)
{
    __asm__ volatile("" ::: "memory");
}

int main(void)
{
    void *line, *packet, *third;
    pool_create(&byte_pool_0, "byte pool 0", memory, sizeof memory);
    pool_create(&net_pool, "net", net_memory, sizeof net_memory);
    _tx_byte_allocate(&byte_pool_0, &line, 40, 0);
    _tx_byte_allocate(&byte_pool_0, &packet, 100, 0);
    _tx_byte_allocate(&byte_pool_0, &third, 64, 0);
    _tx_byte_allocate(&net_pool, &third, 64, 0);
    _tx_byte_release(packet);
    stop_here();
    memset(line, 'A', 40 + sizeof(block));
    stop_here();
    return 0;
}
