/* SPDX-License-Identifier: Apache-2.0 */
#include "blocks.h"

enum { FIRST_CAPACITY = 1024 };

static bool blocks_add_chunk(struct blocks *blocks, struct memory *memory)
{
    struct block **chunks =
        memory_room(memory, blocks->chunks, &blocks->chunk_capacity, blocks->chunk_count, sizeof *chunks);
    if (chunks == NULL) {
        return false;
    }
    blocks->chunks = chunks;
    chunks[blocks->chunk_count] = memory_new(memory, BLOCK_CHUNK * sizeof **chunks);
    if (chunks[blocks->chunk_count] == NULL) {
        return false;
    }
    blocks->chunk_count++;
    return true;
}

static bool blocks_add_places(struct blocks *blocks, struct memory *memory)
{
    struct blocks wider = *blocks;
    size_t at;
    wider.capacity = blocks->capacity ? blocks->capacity + blocks->capacity / 4 : FIRST_CAPACITY;
    /* A place is 32 bits of the product times the capacity. */
    wider.places = wider.capacity < UINT32_MAX ? memory_new(memory, wider.capacity * sizeof *wider.places) : NULL;
    if (wider.places == NULL) {
        return false;
    }
    for (at = 0; at < blocks->capacity; at++) {
        const struct block *block = blocks_at(blocks, at);
        if (block != NULL) {
            wider.places[blocks_find(&wider, block->address)] = blocks->places[at];
        }
    }
    memory_release(memory, blocks->places, blocks->capacity * sizeof *blocks->places);
    *blocks = wider;
    return true;
}

bool blocks_widen(struct blocks *blocks, struct memory *memory)
{
    size_t entries;
    if (blocks->count >= blocks->capacity * 3 / 10 && !blocks_add_places(blocks, memory)) {
        return false;
    }
    if (blocks->count == blocks->chunk_count * BLOCK_CHUNK && !blocks_add_chunk(blocks, memory)) {
        return false;
    }
    entries = blocks->chunk_count * BLOCK_CHUNK;
    blocks->room = blocks->capacity * 3 / 10;
    blocks->room = blocks->room < entries ? blocks->room : entries;
    return true;
}

void blocks_clear(struct blocks *blocks, struct memory *memory)
{
    const uint64_t multiplier = blocks->multiplier;
    size_t at;
    for (at = 0; at < blocks->chunk_count; at++) {
        memory_release(memory, blocks->chunks[at], BLOCK_CHUNK * sizeof **blocks->chunks);
    }
    memory_release(memory, blocks->chunks, blocks->chunk_capacity * sizeof *blocks->chunks);
    memory_release(memory, blocks->places, blocks->capacity * sizeof *blocks->places);
    *blocks = (struct blocks){.multiplier = multiplier};
}

/* Closes the gap at a place: what may stand there moves up. */
static void blocks_close(struct blocks *blocks, size_t gap)
{
    const size_t capacity = blocks->capacity;
    const struct block *block;
    size_t at = gap, home, from_home, from_gap;
    for (;;) {
        at = at + 1 == capacity ? 0 : at + 1;
        block = blocks_at(blocks, at);
        if (block == NULL) {
            break;
        }
        home = blocks_home(blocks, block->address);
        from_home = at >= home ? at - home : at + capacity - home;
        from_gap = at >= gap ? at - gap : at + capacity - gap;
        if (from_home >= from_gap) {
            blocks->places[gap] = blocks->places[at];
            gap = at;
        }
    }
    blocks->places[gap] = 0;
}

void blocks_take(struct blocks *blocks, size_t place)
{
    struct block *block = blocks_at(blocks, place);
    block->moment = blocks->unused;
    blocks->unused = blocks->places[place];
    blocks->count--;
    blocks_close(blocks, place);
}
