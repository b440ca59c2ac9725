/* SPDX-License-Identifier: Apache-2.0
 *
 * A two-level segregated fit allocator, this project's own, with the bytes of Espressif's "dynamic" TLSF: what a debugger
 * sees in a heap of this one is what it sees in an ESP-IDF heap from 4.3.5 on. Type, field and function names are those
 * that a host finds in real firmware, whatever this house would have called them.
 *
 * Approach: the two levels are sized from the heap when it is made, so the tables cost what the heap needs.
 * Cost: constant time but for the copy in a realloc that moves.
 * Assumptions: 32-bit; memory aligned to 4; one caller at a time (multi_heap.c locks).
 */
#ifndef TLSF_H
#define TLSF_H

#include <stddef.h>
#include <stdint.h>

typedef void *tlsf_t;

/* prev_phys_block is the last word of the block before, and belongs to that block's user unless it is free. */
typedef struct block_header_t {
    struct block_header_t *prev_phys_block;
    size_t size; /* bytes of payload; bit 0: this block is free, bit 1: the one before is */
    struct block_header_t *next_free;
    struct block_header_t *prev_free;
} block_header_t;

typedef struct control_t {
    block_header_t block_null; /* ends every free list; its own links go stale */
    unsigned int fl_index_count : 5;
    unsigned int fl_index_shift : 3;
    unsigned int fl_index_max : 6;
    unsigned int sl_index_count : 6;
    unsigned int sl_index_count_log2 : 3;
    unsigned int small_block_size : 8;
    size_t size; /* bytes of this structure with its tables: the pool follows */
    unsigned int fl_bitmap;
    unsigned int *sl_bitmap; /* fl_index_count words */
    block_header_t **blocks; /* fl_index_count * sl_index_count heads of free lists */
} control_t;

/* Lays a control and a pool out in `memory`. max_bytes: size the tables for so much; 0: for `bytes`. NULL: too small. */
tlsf_t tlsf_create_with_pool(void *memory, size_t bytes, size_t max_bytes);

void *tlsf_malloc(tlsf_t tlsf, size_t size);
void tlsf_free(tlsf_t tlsf, void *pointer);
void *tlsf_realloc(tlsf_t tlsf, void *pointer, size_t size);

size_t tlsf_block_size(const void *pointer);
size_t tlsf_size(tlsf_t tlsf);

#endif
