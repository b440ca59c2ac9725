/* SPDX-License-Identifier: Apache-2.0
 *
 * Writes past the end of a live block, and before its start. The neighbour is freed last, far from the write.
 */
#include "scenarios.h"

enum { LEFT = 64 };

static const char sentence[] = "The quick brown fox jumps over the lazy dog, and then it rests. i";

SCENARIO static void *packet_allocate(size_t size)
{
    return malloc(size); /* LINE: overflow-alloc */
}

SCENARIO static void *left_create(void)
{
    return packet_allocate(LEFT); /* LINE: overflow-left */
}

SCENARIO static void *right_create(size_t size)
{
    char *right = packet_allocate(size); /* LINE: overflow-right */
    memset(right, 'r', size);
    return right;
}

SCENARIO static void packet_release(void *packet)
{
    free(packet); /* LINE: overflow-free */
}

/* The loop's end is off by one. */
SCENARIO static void text_copy(char *to, const char *from)
{
    for (int i = 0; i <= LEFT; i++) {
        to[i] = from[i]; /* LINE: overflow-1-write */
    }
}

SCENARIO void test_overflow_1(void)
{
    char *left = left_create();
    char *right = right_create(96);
    neighbours_expect(left, LEFT, right);
    text_copy(left, sentence);
    packet_release(right);
}

/* The terminator has no room: the low byte of the neighbour's size becomes 0. */
SCENARIO void test_overflow_1_nul(void)
{
    char text[LEFT + 1];
    char *left = left_create();
    char *right = right_create(352);
    neighbours_expect(left, LEFT, right);
    memcpy(text, sentence, LEFT);
    text[LEFT] = '\0';
    strcpy(left, text); /* LINE: overflow-1-nul-write */
}

SCENARIO void test_overflow_4(void)
{
    char *left = left_create();
    char *right = right_create(96);
    neighbours_expect(left, LEFT, right);
    memset(left, 0xA7, LEFT + 4); /* LINE: overflow-4-write */
    packet_release(right);
}

SCENARIO void test_overflow_16(void)
{
    char *left = left_create();
    char *right = right_create(96);
    neighbours_expect(left, LEFT, right);
    memset(left, 0x55, LEFT + 16); /* LINE: overflow-16-write */
    packet_release(right);
}

SCENARIO static void packet_release_later(void *packet)
{
    (void)packet;
}

typedef void (*handler)(void *);

/* One handler too many: what lies in the size word names who registers it. */
SCENARIO static void handlers_add(handler *last)
{
    last[1] = packet_release_later; /* LINE: handlers-write */
}

SCENARIO void test_handlers(void)
{
    char *left = left_create();
    char *right = right_create(96);
    neighbours_expect(left, LEFT, right);
    memset(left, 0, LEFT);
    handlers_add((handler *)(void *)left + LEFT / sizeof(handler) - 1);
}

SCENARIO static void *list_grow(void *list, size_t size)
{
    return realloc(list, size); /* LINE: realloc-grow */
}

/* The block behind the list makes the realloc move it. */
SCENARIO void test_realloc_overflow(void)
{
    char *list = left_create();
    char *middle = right_create(96);
    char *grown = list_grow(list, 2 * LEFT);
    char *right = right_create(96);
    neighbours_expect(list, LEFT, middle);
    neighbours_expect(grown, 2 * LEFT, right);
    memset(grown, 0x11, 2 * LEFT + 4); /* LINE: realloc-write */
    packet_release(right);
}

SCENARIO void test_header_zeroed(void)
{
    char *left = left_create();
    char *right = right_create(96);
    neighbours_expect(left, LEFT, right);
    memset(left, 0, LEFT + 4); /* LINE: header-zeroed-write */
    packet_release(right);
}

/* ---- underflow: the right-hand block's owner did it ---- */

enum { SAMPLES = 24 };

SCENARIO static void sample_put(uint32_t *samples, int at)
{
    samples[at] = 0x33333333u; /* LINE: underflow-write */
}

/* Counts down past 0. */
SCENARIO static void samples_clear(uint32_t *samples, int last)
{
    for (int i = SAMPLES - 1; i >= last; i--) {
        sample_put(samples, i);
    }
}

SCENARIO static uint32_t *samples_create(void)
{
    return malloc(SAMPLES * sizeof(uint32_t)); /* LINE: underflow-alloc */
}

SCENARIO static void underflow_run(int last)
{
    char *left = right_create(LEFT);
    uint32_t *samples = samples_create();
    neighbours_expect(left, LEFT, samples);
    samples_clear(samples, last);
    packet_release(samples);
}

SCENARIO void test_underflow_1(void)
{
    underflow_run(-1);
}

/* Also the last word of the left-hand neighbour. */
SCENARIO void test_underflow_2(void)
{
    underflow_run(-2);
}

/* ---- the culprit's events are gone from the ring ---- */

SCENARIO void test_overwritten(void)
{
    char *left = left_create();
    char *right = right_create(96);
    neighbours_expect(left, LEFT, right);
    traffic_rounds(400);
    memset(left, 0xA7, LEFT + 4); /* LINE: overwritten-write */
    packet_release(right);
}
