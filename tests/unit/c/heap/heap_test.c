/* SPDX-License-Identifier: Apache-2.0
 *
 * The test firmware's allocator on the host, 32-bit. Every allocation is filled with its own byte, every change is followed in a
 * shadow table, and a check of this file's own walks the heap. tests/unit/test_target_heap.py builds and drives it:
 *
 *     heap_test random SEED OPERATIONS BYTES         on memory of its own (built with ASan)
 *     heap_test caps SEED OPERATIONS                 two heaps behind heap_caps_*
 *     heap_test dump BASE BYTES SEED OPERATIONS FILE a new heap at BASE, then its image in FILE and its blocks on stdout
 *     heap_test adopt BASE FILE HEAP SEED OPERATIONS  an image of Espressif's allocator, carried on by ours, then freed
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "board.h"
#include "heap_caps.h"
#include "tlsf.h"

/* Of their own: the check must not share the allocator's reading of a header. */
enum { HEADER_FREE = 1, HEADER_PREV_FREE = 2, SLOTS = 512, LIMIT = 100000 };

#define EXPECT(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            exit(1); \
        } \
    } while (0)

struct slot {
    unsigned char *pointer;
    size_t size;
    unsigned char fill;
};

static struct slot slots[SLOTS];
static uint32_t state;

/* ---- the board that the allocator wants ---- */

unsigned board_core(void)
{
    return 0;
}

uint32_t board_interrupts_off(void)
{
    return 1;
}

void board_interrupts_restore(uint32_t interrupts)
{
    EXPECT(interrupts == 1);
}

bool board_word_claim(uint32_t *word, uint32_t expected, uint32_t desired)
{
    EXPECT(*word == expected);
    *word = desired;
    return true;
}

void board_word_release(uint32_t *word, uint32_t value)
{
    *word = value;
}

/* ---- the check ---- */

struct census {
    size_t used;
    size_t used_bytes;
    size_t free;
    size_t listed;
};

static uint32_t word_at(uintptr_t address)
{
    uint32_t word;
    memcpy(&word, (const void *)address, sizeof word);
    return word;
}

/* Walks the pool from its first size word to its last word; payloads go to `visit`. */
static struct census pool_walk(const control_t *control, size_t bytes, void (*visit)(uintptr_t, size_t))
{
    struct census census = {0};
    uintptr_t size_word = (uintptr_t)control + control->size;
    uintptr_t end = (uintptr_t)control + control->size + ((bytes - control->size) & ~(size_t)3);
    uintptr_t previous = 0; /* header of the block before, if it is free */
    while ((word_at(size_word) & ~3u) != 0) {
        uint32_t word = word_at(size_word);
        size_t size = word & ~3u;
        EXPECT(size >= 12 && size_word + 4 + size < end);
        EXPECT(((word & HEADER_PREV_FREE) != 0) == (previous != 0));
        EXPECT(previous == 0 || word_at(size_word - 4) == previous);
        EXPECT(!(previous != 0 && (word & HEADER_FREE) != 0));
        previous = (word & HEADER_FREE) != 0 ? size_word - 4 : 0;
        census.free += previous != 0;
        census.used += previous == 0;
        census.used_bytes += previous == 0 ? size : 0;
        if (previous == 0 && visit != NULL) {
            visit(size_word + 4, size);
        }
        size_word += 4 + size;
    }
    EXPECT(size_word == end - 4);
    EXPECT(((word_at(size_word) & HEADER_PREV_FREE) != 0) == (previous != 0));
    EXPECT(previous == 0 || word_at(size_word - 4) == previous);
    EXPECT((word_at(size_word) & HEADER_FREE) == 0);
    return census;
}

/* The row and column of a size, straight from the definition of two-level segregated fit. */
static unsigned list_of(const control_t *control, size_t size)
{
    unsigned columns = control->sl_index_count;
    if (size < control->small_block_size) {
        return (unsigned)(size / (control->small_block_size / columns));
    }
    unsigned power = 0;
    while ((size >> power) > 1) {
        power++;
    }
    unsigned row = power - control->fl_index_shift + 1;
    return row * columns + (unsigned)((size - ((size_t)1 << power)) / (((size_t)1 << power) / columns));
}

static size_t list_check(const control_t *control, unsigned list)
{
    const block_header_t *null = &control->block_null;
    const block_header_t *before = null;
    size_t length = 0;
    for (const block_header_t *block = control->blocks[list]; block != null; block = block->next_free) {
        EXPECT((block->size & HEADER_FREE) != 0);
        EXPECT(block->prev_free == before);
        EXPECT(list_of(control, block->size & ~3u) == list);
        EXPECT(length++ < LIMIT);
        before = block;
    }
    return length;
}

static size_t lists_check(const control_t *control)
{
    size_t listed = 0;
    for (unsigned row = 0; row < control->fl_index_count; row++) {
        EXPECT(((control->fl_bitmap >> row & 1) != 0) == (control->sl_bitmap[row] != 0));
        for (unsigned column = 0; column < control->sl_index_count; column++) {
            size_t length = list_check(control, row * control->sl_index_count + column);
            EXPECT(((control->sl_bitmap[row] >> column & 1) != 0) == (length != 0));
            listed += length;
        }
    }
    EXPECT(control->fl_index_count == 32 || control->fl_bitmap >> control->fl_index_count == 0);
    return listed;
}

static struct census heap_check(multi_heap_handle_t heap, void (*visit)(uintptr_t, size_t))
{
    const control_t *control = heap->heap_data;
    struct census census = pool_walk(control, heap->pool_size, visit);
    census.listed = lists_check(control);
    EXPECT(census.listed == census.free);
    EXPECT(heap->free_bytes == heap->pool_size - control->size - census.used_bytes - 4 * census.used);
    EXPECT(heap->minimum_free_bytes <= heap->free_bytes);
    return census;
}

/* ---- the load ---- */

static uint32_t random_next(void)
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

static size_t random_size(size_t largest)
{
    uint32_t number = random_next();
    return number % 8 == 0 ? 1 + (number >> 8) % largest : 1 + (number >> 8) % 120;
}

static void slot_check(const struct slot *slot, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        EXPECT(slot->pointer[i] == slot->fill);
    }
}

static void slot_fill(struct slot *slot, void *pointer, size_t size)
{
    slot->pointer = pointer;
    slot->size = size;
    slot->fill = (unsigned char)random_next();
    EXPECT((uintptr_t)pointer % 4 == 0);
    memset(pointer, slot->fill, size);
}

/* What is under test: one heap, or the two behind heap_caps_*. */
static multi_heap_handle_t heap;

static void *load_malloc(size_t size)
{
    return heap != NULL ? multi_heap_malloc(heap, size) : heap_caps_malloc(size, MALLOC_CAP_8BIT);
}

static void load_free(void *pointer)
{
    if (heap != NULL) {
        multi_heap_free(heap, pointer);
    } else {
        heap_caps_free(pointer);
    }
}

static void *load_realloc(void *pointer, size_t size)
{
    return heap != NULL ? multi_heap_realloc(heap, pointer, size) : heap_caps_realloc(pointer, size, MALLOC_CAP_8BIT);
}

static void slot_change(struct slot *slot, size_t largest)
{
    size_t size = random_size(largest);
    if (slot->pointer == NULL) {
        void *pointer = load_malloc(size);
        if (pointer != NULL) {
            slot_fill(slot, pointer, size);
        }
        return;
    }
    slot_check(slot, slot->size);
    if (random_next() % 3 != 0) {
        load_free(slot->pointer);
        slot->pointer = NULL;
        return;
    }
    void *moved = load_realloc(slot->pointer, size);
    if (moved != NULL) {
        slot->pointer = moved;
        slot_check(slot, slot->size < size ? slot->size : size);
        slot_fill(slot, moved, size);
    }
}

static void load_run(unsigned operations, size_t largest, void (*check)(void))
{
    for (unsigned i = 0; i < operations; i++) {
        slot_change(&slots[random_next() % SLOTS], largest);
        if (i % 64 == 0) {
            check();
        }
    }
    check();
}

static void load_end(void)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        if (slots[i].pointer != NULL) {
            slot_check(&slots[i], slots[i].size);
            load_free(slots[i].pointer);
        }
    }
}

static void check_one(void)
{
    heap_check(heap, NULL);
}

static void check_all(void)
{
    for (struct heap_t_ *each = registered_heaps.slh_first; each != NULL; each = each->next.sle_next) {
        heap_check(each->heap, NULL);
        EXPECT(each->heap_mux.owner == MULTI_HEAP_MUX_FREE && each->heap_mux.count == 0);
    }
}

/* ---- modes ---- */

static unsigned number(const char *text)
{
    return (unsigned)strtoul(text, NULL, 0);
}

static int run_random(char **arguments)
{
    size_t bytes = number(arguments[2]);
    void *memory = malloc(bytes); /* of exactly this size: ASan sees a step outside */
    memset(memory, 0xA5, bytes);
    state = number(arguments[0]);
    heap = multi_heap_register(memory, bytes);
    EXPECT(heap != NULL);
    size_t initial = heap->free_bytes;
    EXPECT(load_malloc(0) == NULL && load_malloc(SIZE_MAX) == NULL && load_malloc(bytes) == NULL);
    load_run(number(arguments[1]), bytes / 8, check_one);
    load_end();
    struct census census = heap_check(heap, NULL);
    EXPECT(census.used == 0 && census.free == 1 && heap->free_bytes == initial);
    free(memory);
    return 0;
}

static int run_caps(char **arguments)
{
    enum { FIRST = 40000, SECOND = 12000 };
    char *first = malloc(FIRST);
    char *second = malloc(SECOND);
    const struct heap_region regions[] = {{first, FIRST, 0}, {second, SECOND, 1}};
    const soc_memory_type_desc_t types[] = {
        {"RAM", {MALLOC_CAP_INTERNAL | MALLOC_CAP_8BIT | MALLOC_CAP_DEFAULT, 0, 0}},
        {"SPIRAM", {MALLOC_CAP_SPIRAM, MALLOC_CAP_8BIT, 0}},
    };
    state = number(arguments[0]);
    heap_caps_init(regions, 2, types);
    EXPECT((char *)registered_heaps.slh_first == first + 20 + tlsf_size(first + 20) + 4);
    void *picture = heap_caps_malloc(100, MALLOC_CAP_SPIRAM);
    EXPECT(heap_caps_number(picture, 0) == 1 && heap_caps_number(NULL, MALLOC_CAP_INTERNAL) == 0);
    EXPECT(heap_caps_malloc(100, MALLOC_CAP_SPIRAM | MALLOC_CAP_INTERNAL) == NULL);
    picture = heap_caps_realloc(picture, 200, MALLOC_CAP_INTERNAL);
    EXPECT(heap_caps_number(picture, 0) == 0);
    heap_caps_free(picture);
    EXPECT(heap_caps_calloc(SIZE_MAX / 2, 3, MALLOC_CAP_8BIT) == NULL);
    load_run(number(arguments[1]), 3000, check_all);
    load_end();
    check_all();
    EXPECT(heap_check(registered_heaps.slh_first->heap, NULL).used == 1); /* the array of heaps */
    free(first);
    free(second);
    return 0;
}

static void *map_at(uintptr_t base, size_t bytes)
{
    uintptr_t page = base & ~(uintptr_t)4095;
    size_t length = base - page + bytes;
    void *mapped =
        mmap((void *)page, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    EXPECT(mapped == (void *)page);
    return (void *)base;
}

static void block_print(uintptr_t payload, size_t size)
{
    printf("%lu %lu\n", (unsigned long)payload, (unsigned long)size);
}

static int run_dump(char **arguments)
{
    size_t bytes = number(arguments[1]);
    void *memory = map_at(number(arguments[0]), bytes);
    memset(memory, 0xA5, bytes);
    state = number(arguments[2]);
    heap = multi_heap_register(memory, bytes);
    EXPECT(heap != NULL);
    load_run(number(arguments[3]), bytes / 8, check_one);
    heap_check(heap, block_print);
    FILE *file = fopen(arguments[4], "wb");
    EXPECT(file != NULL && fwrite(memory, 1, bytes, file) == bytes && fclose(file) == 0);
    return 0;
}

static void *foreign[LIMIT];
static size_t foreign_count;

static void foreign_note(uintptr_t payload, size_t size)
{
    (void)size;
    EXPECT(foreign_count < LIMIT);
    foreign[foreign_count++] = (void *)payload;
}

static size_t file_load(const char *name, uintptr_t base)
{
    FILE *file = fopen(name, "rb");
    EXPECT(file != NULL && fseek(file, 0, SEEK_END) == 0);
    size_t bytes = (size_t)ftell(file);
    rewind(file);
    EXPECT(fread(map_at(base, bytes), 1, bytes, file) == bytes && fclose(file) == 0);
    return bytes;
}

static int run_adopt(char **arguments)
{
    file_load(arguments[1], number(arguments[0]));
    heap = (multi_heap_handle_t)(uintptr_t)number(arguments[2]);
    heap->lock = NULL; /* an address of the chip */
    state = number(arguments[3]);
    heap_check(heap, foreign_note);
    load_run(number(arguments[4]), 2000, check_one);
    load_end();
    for (size_t i = 0; i < foreign_count; i++) {
        multi_heap_free(heap, foreign[i]);
    }
    struct census census = heap_check(heap, NULL);
    EXPECT(census.used == 0 && census.free == 1);
    EXPECT(heap->free_bytes == heap->pool_size - tlsf_size(heap->heap_data));
    return 0;
}

int main(int count, char **arguments)
{
    if (count == 5 && strcmp(arguments[1], "random") == 0) {
        return run_random(arguments + 2);
    }
    if (count == 4 && strcmp(arguments[1], "caps") == 0) {
        return run_caps(arguments + 2);
    }
    if (count == 7 && strcmp(arguments[1], "dump") == 0) {
        return run_dump(arguments + 2);
    }
    if (count == 7 && strcmp(arguments[1], "adopt") == 0) {
        return run_adopt(arguments + 2);
    }
    fprintf(stderr, "see the head of heap_test.c\n");
    return 2;
}
