/* SPDX-License-Identifier: Apache-2.0
 *
 * Two functions that give blocks back through the same third one, in turn: with register windows its caller is in registers,
 * and under the stack pointer still stands who called it before.
 */
#include "scenarios.h"

enum { TURNS = 8 };

SCENARIO static void block_release(void *block)
{
    free(block);
}

SCENARIO static void even_release(void *block)
{
    block_release(block);
}

SCENARIO static void odd_release(void *block)
{
    block_release(block);
}

SCENARIO void test_callers(void)
{
    void *blocks[TURNS];
    for (unsigned i = 0; i < TURNS; i++) {
        blocks[i] = malloc(24);
    }
    for (unsigned i = 0; i < TURNS; i++) {
        (i % 2 == 0 ? even_release : odd_release)(blocks[i]);
    }
}
