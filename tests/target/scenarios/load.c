/* SPDX-License-Identifier: Apache-2.0
 *
 * Heaps under load, none damaged but where the name says so: leak, exhaustion, random operations, two heaps, one malloc and one
 * free to step through.
 */
#include "heap_caps.h"
#include "memtrace.h"
#include "scenarios.h"

/* ---- leak ---- */

enum { REQUESTS = 300 };

uint32_t leak_count; /* blocks that leaked; a test compares */

SCENARIO static void *reply_create(void)
{
    return malloc(72); /* LINE: leak-reply */
}

SCENARIO static void *entry_create(void)
{
    return malloc(40); /* LINE: leak-alloc */
}

SCENARIO static void request_handle(unsigned number)
{
    void *reply = reply_create();
    void *entry = entry_create();
    if (number % 3 == 0) {
        leak_count++;
    } else {
        free(entry); /* LINE: leak-free */
    }
    free(reply);
}

SCENARIO void test_leak(void)
{
    memtrace_mark("before");
    for (unsigned i = 0; i < REQUESTS; i++) {
        request_handle(i);
    }
    memtrace_mark("after");
}

/* ---- exhaustion ---- */

enum { FRAMES = 40, FRAME_BYTES = 8192 };

static void *video_frames[FRAMES];
uint32_t exhaustion_failures; /* a test compares with the failed allocations of the trace */

SCENARIO static void *frame_create(size_t size)
{
    void *frame = malloc(size); /* LINE: exhaustion-alloc */
    exhaustion_failures += frame == NULL;
    return frame;
}

SCENARIO static void *frame_grow(void *frame)
{
    void *grown = realloc(frame, 300u * 1024); /* LINE: exhaustion-realloc */
    exhaustion_failures += grown == NULL;
    if (grown == NULL) {
        return frame;
    }
    return grown;
}

SCENARIO void test_exhaustion(void)
{
    for (unsigned i = 0; i < FRAMES; i++) {
        video_frames[i] = frame_create(FRAME_BYTES);
    }
    video_frames[FRAMES - 1] = frame_create(1u << 20);
    video_frames[0] = frame_grow(video_frames[0]);
    for (unsigned i = 0; i < FRAMES; i += 2) {
        free(video_frames[i]); /* LINE: exhaustion-free */
        video_frames[i] = NULL;
    }
}

/* ---- random ---- */

enum { RANDOM_SLOTS = 256, RANDOM_OPERATIONS = 100000 };

struct random_block {
    void *pointer;
    size_t size;
};

struct random_block random_blocks[RANDOM_SLOTS]; /* the truth, for tests */
uint32_t random_operations;
static uint32_t random_state = 0x9E3779B9u;

static size_t random_size(void)
{
    uint32_t number = random_next(&random_state);
    return number % 16 == 0 ? 1 + (number >> 8) % 4000 : 1 + (number >> 8) % 600;
}

SCENARIO static void slot_allocate(struct random_block *slot)
{
    slot->size = random_size();
    slot->pointer = malloc(slot->size); /* LINE: random-alloc */
}

SCENARIO static void slot_resize(struct random_block *slot)
{
    size_t size = random_size();
    void *moved = realloc(slot->pointer, size); /* LINE: random-realloc */
    if (moved != NULL) {
        slot->pointer = moved;
        slot->size = size;
    }
}

SCENARIO static void slot_release(struct random_block *slot)
{
    free(slot->pointer); /* LINE: random-free */
    *slot = (struct random_block){NULL, 0};
}

SCENARIO static void slot_change(struct random_block *slot, uint32_t choice)
{
    if (slot->pointer == NULL) {
        slot_allocate(slot);
    } else if (choice % 5 == 0) {
        slot_resize(slot);
    } else {
        slot_release(slot);
    }
}

/* At a random depth, so that stacks differ. */
SCENARIO static void slot_change_at(struct random_block *slot, uint32_t choice, unsigned depth)
{
    if (depth == 0) {
        slot_change(slot, choice);
        return;
    }
    slot_change_at(slot, choice, depth - 1);
}

SCENARIO void test_random(void)
{
    for (unsigned i = 0; i < RANDOM_OPERATIONS; i++) {
        uint32_t choice = random_next(&random_state);
        slot_change_at(&random_blocks[choice % RANDOM_SLOTS], choice >> 16, (choice >> 8) % 4);
        random_operations++;
    }
}

/* For tests whose debugger comes and goes while the program runs: it must not end under them. */
SCENARIO void test_endless(void)
{
    for (;;) {
        test_random();
    }
}

/* ---- two heaps ---- */

enum { PICTURES = 12 };

void *pictures[PICTURES];

SCENARIO static void *picture_create(size_t size)
{
    return heap_caps_malloc(size, MALLOC_CAP_SPIRAM | MALLOC_CAP_8BIT); /* LINE: two-heaps-alloc */
}

SCENARIO static void *descriptor_create(size_t size)
{
    return heap_caps_calloc(1, size, MALLOC_CAP_INTERNAL); /* LINE: two-heaps-internal */
}

SCENARIO static void picture_release(void *picture)
{
    heap_caps_free(picture); /* LINE: two-heaps-free */
}

SCENARIO void test_two_heaps(void)
{
    for (unsigned i = 0; i < PICTURES; i++) {
        pictures[i] = picture_create(600 + 100 * i);
        descriptor_create(SCENARIO_SIZE);
    }
    for (unsigned i = 0; i < PICTURES; i += 4) {
        picture_release(pictures[i]);
        pictures[i] = NULL;
    }
    pictures[1] = heap_caps_realloc(pictures[1], 2000, MALLOC_CAP_SPIRAM); /* LINE: two-heaps-realloc */
}

SCENARIO void test_two_heaps_overflow(void)
{
    test_two_heaps();
    char *left = picture_create(2400);
    char *right = picture_create(2400);
    neighbours_expect(left, 2400, right);
    memset(left, 0x99, 2404); /* LINE: two-heaps-write */
    picture_release(right);
}

/* ---- one malloc and one free between two labels ---- */

void step_begin(void);
void step_end(void);

SCENARIO void step_begin(void)
{
}

SCENARIO void step_end(void)
{
}

SCENARIO void test_step(void)
{
    step_begin();
    void *block = malloc(100); /* LINE: step-alloc */
    free(block);               /* LINE: step-free */
    step_end();
}
