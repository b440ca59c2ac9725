/* SPDX-License-Identifier: Apache-2.0
 *
 * The seed case: a buffer is filled through a pointer that was freed, and four bytes too far.
 */
#include "scenarios.h"

SCENARIO void test_used_after_free(void)
{
    char *data = malloc(1024); /* LINE: seed-alloc-data */
    char *next = malloc(1024); /* LINE: seed-alloc-next */
    neighbours_expect(data, 1024, next);
    free(data); /* LINE: seed-free-data */
    /* cppcheck-suppress bufferAccessOutOfBounds ; the bug of this scenario */
    memset(data, 0xFF, 1028); /* LINE: seed-write */
    free(next);               /* LINE: seed-free-next */
}

SCENARIO void test_clean(void)
{
    traffic_rounds(1);
}
