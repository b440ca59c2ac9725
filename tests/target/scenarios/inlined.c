/* SPDX-License-Identifier: Apache-2.0
 *
 * The allocation and the write come from functions that exist only as inlined code: a report must name them all the same.
 */
#include "scenarios.h"

#define INLINED static inline __attribute__((always_inline))

enum { PIXELS = 160 };

INLINED void *inlined_pixels_allocate(size_t size)
{
    return malloc(size); /* LINE: inlined-alloc */
}

INLINED char *inlined_canvas_create(void)
{
    return inlined_pixels_allocate(PIXELS); /* LINE: inlined-alloc-outer */
}

INLINED void inlined_canvas_clear(char *canvas)
{
    memset(canvas, 0xE1, PIXELS + 4); /* LINE: inlined-write */
}

INLINED void inlined_canvas_destroy(char *canvas)
{
    free(canvas); /* LINE: inlined-free */
}

SCENARIO void test_inlined(void)
{
    char *canvas = inlined_canvas_create(); /* LINE: inlined-create-left */
    char *sprite = inlined_canvas_create(); /* LINE: inlined-create-right */
    neighbours_expect(canvas, PIXELS, sprite);
    inlined_canvas_clear(canvas);
    inlined_canvas_destroy(sprite); /* LINE: inlined-destroy */
}
