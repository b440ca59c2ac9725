/* SPDX-License-Identifier: Apache-2.0 */
#include "tlsf.h"

#include <assert.h>
#include <string.h>

#ifndef tlsf_assert
#define tlsf_assert assert
#endif

enum {
    WORD = sizeof(size_t),
    ALIGN = 4,
    BLOCK_MIN = sizeof(block_header_t) - WORD,
    SIZE_FREE = 1,
    SIZE_PREV_FREE = 2,
    SIZE_FLAGS = SIZE_FREE | SIZE_PREV_FREE
};

#if UINTPTR_MAX == UINT32_MAX
_Static_assert(sizeof(block_header_t) == 16, "layout of a header");
_Static_assert(sizeof(control_t) == 36, "layout of the control");
#endif

/* Place of a free list: row and column. */
struct mapping {
    unsigned fl;
    unsigned sl;
};

static unsigned bit_highest(size_t value)
{
    return 31u - (unsigned)__builtin_clz((unsigned)value);
}

static unsigned bit_lowest(unsigned value)
{
    return (unsigned)__builtin_ctz(value);
}

/* ---- blocks ---- */

static size_t block_size(const block_header_t *block)
{
    return block->size & ~(size_t)SIZE_FLAGS;
}

static void block_set_size(block_header_t *block, size_t size)
{
    block->size = size | (block->size & SIZE_FLAGS);
}

static int block_is_free(const block_header_t *block)
{
    return (block->size & SIZE_FREE) != 0;
}

static int block_is_prev_free(const block_header_t *block)
{
    return (block->size & SIZE_PREV_FREE) != 0;
}

static int block_is_last(const block_header_t *block)
{
    return block_size(block) == 0;
}

static void *block_to_ptr(block_header_t *block)
{
    return (char *)block + offsetof(block_header_t, next_free);
}

static block_header_t *block_from_ptr(const void *pointer)
{
    return (block_header_t *)((uintptr_t)pointer - offsetof(block_header_t, next_free));
}

/* The header that begins in the last word of a payload of `size` bytes. */
static block_header_t *block_after(block_header_t *block, size_t size)
{
    return (block_header_t *)((uintptr_t)block_to_ptr(block) + size - WORD);
}

static block_header_t *block_next(block_header_t *block)
{
    tlsf_assert(!block_is_last(block));
    return block_after(block, block_size(block));
}

static block_header_t *block_prev(const block_header_t *block)
{
    tlsf_assert(block_is_prev_free(block) && "previous block must be free");
    return block->prev_phys_block;
}

static block_header_t *block_link_next(block_header_t *block)
{
    block_header_t *next = block_next(block);
    next->prev_phys_block = block;
    return next;
}

static void block_mark_as_free(block_header_t *block)
{
    block_header_t *next = block_link_next(block);
    next->size |= SIZE_PREV_FREE;
    block->size |= SIZE_FREE;
}

static void block_mark_as_used(block_header_t *block)
{
    block_header_t *next = block_next(block);
    next->size &= ~(size_t)SIZE_PREV_FREE;
    block->size &= ~(size_t)SIZE_FREE;
}

/* ---- free lists ---- */

/* Where a free block of `size` is kept. */
static struct mapping mapping_insert(const control_t *control, size_t size)
{
    if (size < control->small_block_size) {
        unsigned step = control->small_block_size / control->sl_index_count;
        return (struct mapping){0, (unsigned)size / step};
    }
    unsigned row = bit_highest(size);
    unsigned column = (unsigned)(size >> (row - control->sl_index_count_log2)) ^ control->sl_index_count;
    return (struct mapping){row - (control->fl_index_shift - 1u), column};
}

/* The first list of which every block has at least `size`. */
static struct mapping mapping_search(const control_t *control, size_t size)
{
    if (size >= control->small_block_size) {
        size += ((size_t)1 << (bit_highest(size) - control->sl_index_count_log2)) - 1;
    }
    return mapping_insert(control, size);
}

static block_header_t **list_head(control_t *control, struct mapping at)
{
    return &control->blocks[at.fl * control->sl_index_count + at.sl];
}

static block_header_t *search_suitable_block(control_t *control, struct mapping *at)
{
    unsigned columns = control->sl_bitmap[at->fl] & (~0u << at->sl);
    if (columns == 0) {
        unsigned rows = control->fl_bitmap & (~0u << at->fl << 1);
        if (rows == 0) {
            return NULL;
        }
        at->fl = bit_lowest(rows);
        columns = control->sl_bitmap[at->fl];
    }
    tlsf_assert(columns && "internal error - second level bitmap is null");
    at->sl = bit_lowest(columns);
    return *list_head(control, *at);
}

static void list_mark_empty(control_t *control, struct mapping at)
{
    control->sl_bitmap[at.fl] &= ~(1u << at.sl);
    if (control->sl_bitmap[at.fl] == 0) {
        control->fl_bitmap &= ~(1u << at.fl);
    }
}

static void remove_free_block(control_t *control, block_header_t *block, struct mapping at)
{
    block_header_t *prev = block->prev_free;
    block_header_t *next = block->next_free;
    tlsf_assert(prev && "prev_free field can not be null");
    tlsf_assert(next && "next_free field can not be null");
    next->prev_free = prev;
    prev->next_free = next;
    block_header_t **head = list_head(control, at);
    if (*head == block) {
        *head = next;
        if (next == &control->block_null) {
            list_mark_empty(control, at);
        }
    }
}

static void insert_free_block(control_t *control, block_header_t *block, struct mapping at)
{
    block_header_t **head = list_head(control, at);
    block_header_t *current = *head;
    tlsf_assert(current && "free list cannot have a null entry");
    block->next_free = current;
    block->prev_free = &control->block_null;
    current->prev_free = block;
    *head = block;
    control->fl_bitmap |= 1u << at.fl;
    control->sl_bitmap[at.fl] |= 1u << at.sl;
}

static void block_remove(control_t *control, block_header_t *block)
{
    remove_free_block(control, block, mapping_insert(control, block_size(block)));
}

static void block_insert(control_t *control, block_header_t *block)
{
    insert_free_block(control, block, mapping_insert(control, block_size(block)));
}

/* ---- joining and splitting ---- */

/* `prev` swallows `block`, its right-hand neighbour. */
static block_header_t *block_absorb(block_header_t *prev, const block_header_t *block)
{
    tlsf_assert(!block_is_last(prev) && "previous block can't be last");
    prev->size += block_size(block) + WORD; /* keeps the flags: both sizes are multiples of 4 */
    block_link_next(prev);
    return prev;
}

static block_header_t *block_merge_prev(control_t *control, block_header_t *block)
{
    if (!block_is_prev_free(block)) {
        return block;
    }
    block_header_t *prev = block_prev(block);
    tlsf_assert(prev && "prev physical block can't be null");
    tlsf_assert(block_is_free(prev) && "prev block is not free though marked as such");
    block_remove(control, prev);
    return block_absorb(prev, block);
}

static block_header_t *block_merge_next(control_t *control, block_header_t *block)
{
    block_header_t *next = block_next(block);
    tlsf_assert(next && "next physical block can't be null");
    if (!block_is_free(next)) {
        return block;
    }
    tlsf_assert(!block_is_last(block) && "previous block can't be last");
    block_remove(control, next);
    return block_absorb(block, next);
}

static int block_can_split(const block_header_t *block, size_t size)
{
    return block_size(block) >= sizeof(block_header_t) + size;
}

/* Cuts `block` down to `size`; the rest becomes a free block that is on no list yet. */
static block_header_t *block_split(block_header_t *block, size_t size)
{
    block_header_t *remaining = block_after(block, size);
    size_t rest = block_size(block) - (size + WORD);
    tlsf_assert(rest >= BLOCK_MIN && "block split with invalid size");
    remaining->size = rest;
    block_set_size(block, size);
    block_mark_as_free(remaining);
    return remaining;
}

static void block_trim_free(control_t *control, block_header_t *block, size_t size)
{
    tlsf_assert(block_is_free(block) && "block must be free");
    if (!block_can_split(block, size)) {
        return;
    }
    block_header_t *remaining = block_split(block, size);
    block_link_next(block);
    remaining->size |= SIZE_PREV_FREE; /* true until the caller marks the block as used */
    block_insert(control, remaining);
}

static void block_trim_used(control_t *control, block_header_t *block, size_t size)
{
    tlsf_assert(!block_is_free(block) && "block must be used");
    if (!block_can_split(block, size)) {
        return;
    }
    block_header_t *remaining = block_split(block, size);
    remaining = block_merge_next(control, remaining);
    block_insert(control, remaining);
}

static block_header_t *block_locate_free(control_t *control, size_t size)
{
    struct mapping at = mapping_search(control, size);
    if (at.fl >= control->fl_index_count) {
        return NULL;
    }
    block_header_t *block = search_suitable_block(control, &at);
    if (block != NULL) {
        tlsf_assert(block_size(block) >= size);
        remove_free_block(control, block, at);
    }
    return block;
}

static void *block_prepare_used(control_t *control, block_header_t *block, size_t size)
{
    tlsf_assert(size && "size must be non-zero");
    block_trim_free(control, block, size);
    block_mark_as_used(block);
    return block_to_ptr(block);
}

/* ---- creation ---- */

static unsigned second_level_log2(size_t bytes)
{
    return bytes <= 16u * 1024 ? 3 : bytes <= 256u * 1024 ? 4 : 5;
}

static void control_set_constants(control_t *control, size_t bytes)
{
    unsigned log2 = second_level_log2(bytes);
    unsigned max = bit_highest(bytes) + 1;
    unsigned shift = log2 + 2; /* log2 of the alignment */
    control->sl_index_count_log2 = log2 & 7u;
    control->sl_index_count = (1u << log2) & 63u;
    control->fl_index_max = max & 63u;
    control->fl_index_shift = shift & 7u;
    control->fl_index_count = (max - shift + 1) & 31u;
    control->small_block_size = (1u << shift) & 255u;
}

static void control_clear_lists(control_t *control)
{
    unsigned rows = control->fl_index_count;
    unsigned lists = rows * control->sl_index_count;
    control->block_null.next_free = &control->block_null;
    control->block_null.prev_free = &control->block_null;
    control->fl_bitmap = 0;
    control->sl_bitmap = (unsigned *)(control + 1);
    control->blocks = (block_header_t **)(control->sl_bitmap + rows);
    control->size = sizeof *control + rows * sizeof *control->sl_bitmap + lists * sizeof(block_header_t *);
    memset(control->sl_bitmap, 0, rows * sizeof *control->sl_bitmap);
    for (unsigned i = 0; i < lists; i++) {
        control->blocks[i] = &control->block_null;
    }
}

static size_t control_bytes(size_t bytes)
{
    unsigned log2 = second_level_log2(bytes);
    size_t rows = bit_highest(bytes) - log2;
    return sizeof(control_t) + rows * sizeof(unsigned) + (rows << log2) * sizeof(block_header_t *);
}

/* The first header begins one word before the pool: a block's prev_phys_block is never part of its own. */
static void pool_add(control_t *control, char *pool, size_t bytes)
{
    block_header_t *block = (block_header_t *)(uintptr_t)(pool - WORD);
    size_t size = (bytes - 2 * WORD) & ~(size_t)(ALIGN - 1);
    block->size = size | SIZE_FREE;
    block_insert(control, block);
    block_header_t *sentinel = block_link_next(block);
    sentinel->size = SIZE_PREV_FREE;
}

tlsf_t tlsf_create_with_pool(void *memory, size_t bytes, size_t max_bytes)
{
    size_t sized_for = max_bytes != 0 ? max_bytes : bytes;
    if ((uintptr_t)memory % ALIGN != 0 || sized_for < 64) {
        return NULL;
    }
    size_t tables = control_bytes(sized_for);
    if (bytes < tables + 2 * WORD + BLOCK_MIN) {
        return NULL;
    }
    control_t *control = memory;
    control_set_constants(control, sized_for);
    control_clear_lists(control);
    pool_add(control, (char *)memory + tables, bytes - tables);
    return control;
}

/* ---- what users call ---- */

/* Bytes that a request takes; 0: it can't be had. */
static size_t request_adjust(const control_t *control, size_t size)
{
    size_t limit = (size_t)1 << control->fl_index_max;
    if (size == 0 || size > limit - ALIGN) {
        return 0;
    }
    size_t aligned = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    return aligned < BLOCK_MIN ? (size_t)BLOCK_MIN : aligned;
}

void *tlsf_malloc(tlsf_t tlsf, size_t size)
{
    control_t *control = tlsf;
    size_t adjusted = request_adjust(control, size);
    block_header_t *block = adjusted != 0 ? block_locate_free(control, adjusted) : NULL;
    return block != NULL ? block_prepare_used(control, block, adjusted) : NULL;
}

void tlsf_free(tlsf_t tlsf, void *pointer)
{
    control_t *control = tlsf;
    if (pointer == NULL) {
        return;
    }
    block_header_t *block = block_from_ptr(pointer);
    tlsf_assert(!block_is_free(block) && "block already marked as free");
    block_mark_as_free(block);
    block = block_merge_prev(control, block);
    block = block_merge_next(control, block);
    block_insert(control, block);
}

static void *realloc_move(tlsf_t tlsf, void *pointer, size_t old_size, size_t size)
{
    void *moved = tlsf_malloc(tlsf, size);
    if (moved != NULL) {
        memcpy(moved, pointer, old_size < size ? old_size : size);
        tlsf_free(tlsf, pointer);
    }
    return moved;
}

static void *realloc_block(control_t *control, void *pointer, size_t size, size_t adjusted)
{
    block_header_t *block = block_from_ptr(pointer);
    tlsf_assert(!block_is_free(block) && "block already marked as free");
    size_t current = block_size(block);
    block_header_t *next = block_next(block);
    if (adjusted > current && (!block_is_free(next) || adjusted > current + block_size(next) + WORD)) {
        return realloc_move(control, pointer, current, size);
    }
    if (adjusted > current) {
        block_merge_next(control, block);
        block_mark_as_used(block);
    }
    block_trim_used(control, block, adjusted);
    return pointer;
}

void *tlsf_realloc(tlsf_t tlsf, void *pointer, size_t size)
{
    control_t *control = tlsf;
    if (pointer == NULL) {
        return tlsf_malloc(tlsf, size);
    }
    if (size == 0) {
        tlsf_free(tlsf, pointer);
        return NULL;
    }
    size_t adjusted = request_adjust(control, size);
    return adjusted != 0 ? realloc_block(control, pointer, size, adjusted) : NULL;
}

size_t tlsf_block_size(const void *pointer)
{
    return pointer != NULL ? block_size(block_from_ptr(pointer)) : 0;
}

size_t tlsf_size(tlsf_t tlsf)
{
    return tlsf != NULL ? ((const control_t *)tlsf)->size : 0;
}
