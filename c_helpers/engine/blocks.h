/* SPDX-License-Identifier: Apache-2.0
 *
 * The live blocks, by address.
 *
 * Approach: blocks lie in chunks that never move, and a table of their numbers leads from an address to its block. It is at most
 * three tenths full and has four bytes a place, so that most questions need one look: whether a loop goes round once more
 * is what a processor guesses wrong. What is taken out leaves no gap: the places behind it move up. A place is found by the upper
 * bits of a product with a multiplier that who wrote the log does not know.
 * Rejected: blocks in the table itself (at the same cost in memory it is more than half full: twice the wrong guesses; and it
 * is there twice while it grows).
 * Cost: 32 bytes a block, and 30 for its places while the table grows. */
#ifndef MEMTRACE_ENGINE_BLOCKS_H
#define MEMTRACE_ENGINE_BLOCKS_H

#include "memory.h"

#include <stdbool.h>
#include <stdint.h>

#define BLOCK_SIZE_BITS 42u /* a larger one is none */
#define BLOCK_MOST_SIZE (UINT64_C(1) << BLOCK_SIZE_BITS)
#define NO_OWNER ((UINT32_C(1) << (64 - BLOCK_SIZE_BITS)) - 1) /* the block does not count */
#define NO_NUMBER UINT64_MAX
#define BLOCK_CHUNK_BITS 10u
#define BLOCK_CHUNK (1u << BLOCK_CHUNK_BITS) /* blocks */

struct block {
    uint64_t address;
    uint64_t size_owner; /* size in the low bits */
    uint64_t seq;        /* of its allocation; NO_NUMBER: older than the log */
    uint64_t moment;     /* of its allocation: time, or events where there is no clock; of a free entry the next one */
};

struct blocks {
    uint32_t *places; /* number of a block + 1; 0: a free place */
    size_t capacity;  /* places */
    size_t count;     /* live blocks */
    size_t room;      /* for so many live blocks */
    struct block **chunks;
    size_t chunk_capacity, chunk_count;
    uint64_t unused;     /* number + 1 of an entry that was used before */
    size_t fresh;        /* entries from this number on were never used */
    uint64_t multiplier; /* odd */
};

_Static_assert(sizeof(struct block) == 32, "an entry does not cross a cache line");

/* Makes room for one block more. false: no memory. */
bool blocks_widen(struct blocks *blocks, struct memory *memory);

void blocks_clear(struct blocks *blocks, struct memory *memory);

/* Takes out the block at a place. */
void blocks_take(struct blocks *blocks, size_t place);

static inline uint64_t block_size(const struct block *block)
{
    return block->size_owner & (BLOCK_MOST_SIZE - 1);
}

static inline uint32_t block_owner(const struct block *block)
{
    return (uint32_t)(block->size_owner >> BLOCK_SIZE_BITS);
}

static inline size_t blocks_home(const struct blocks *blocks, uint64_t address)
{
    return (size_t)((address * blocks->multiplier >> 32) * blocks->capacity >> 32);
}

static inline struct block *blocks_numbered(const struct blocks *blocks, size_t number)
{
    return &blocks->chunks[number >> BLOCK_CHUNK_BITS][number & (BLOCK_CHUNK - 1)];
}

/* Returns the block at a place. NULL: it is free. */
static inline struct block *blocks_at(const struct blocks *blocks, size_t place)
{
    return blocks->places[place] ? blocks_numbered(blocks, blocks->places[place] - 1) : NULL;
}

/* Returns the place of an address, or the free one where it would be. There must have been room for one block. */
static inline size_t blocks_find(const struct blocks *blocks, uint64_t address)
{
    size_t at = blocks_home(blocks, address);
    while (blocks->places[at] != 0 && blocks_numbered(blocks, blocks->places[at] - 1)->address != address) {
        at = at + 1 == blocks->capacity ? 0 : at + 1;
    }
    return at;
}

static inline bool blocks_have_room(const struct blocks *blocks)
{
    return blocks->count < blocks->room;
}

/* Returns a new block at a free place, to be filled in. There must be room. */
static inline struct block *blocks_put(struct blocks *blocks, size_t place)
{
    const size_t number = blocks->unused ? (size_t)blocks->unused - 1 : blocks->fresh;
    struct block *block = blocks_numbered(blocks, number);
    if (blocks->unused) {
        blocks->unused = block->moment;
    } else {
        blocks->fresh++;
    }
    blocks->places[place] = (uint32_t)number + 1;
    blocks->count++;
    return block;
}

#endif
