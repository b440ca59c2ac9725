/* SPDX-License-Identifier: Apache-2.0
 *
 * A heap with a block that was written 4 bytes too far, for a chip that Debian's GDB does not know (Xtensa lx106, QEMU's
 * board `sim`). What a debugger must not take from the file: `registered_heaps` and `moving` change as it runs.
 */
#include <string.h>

#include "board.h"
#include "heap_caps.h"

enum { HEAP_BYTES = 16384, BLOCK = 64 };

static const soc_memory_type_desc_t types[] = {{"RAM", {MALLOC_CAP_DEFAULT, MALLOC_CAP_8BIT, MALLOC_CAP_32BIT}}};
static uint64_t memory[HEAP_BYTES / sizeof(uint64_t)];
static char before_it_ran[BLOCK];
char *volatile moving = before_it_ran;
char *volatile victim;

void __assert_func(const char *file, int line, const char *function, const char *text)
{
    (void)file, (void)line, (void)function, (void)text;
    for (;;) {
    }
}

/* The chip has these two in its ROM, and the compiler's library leaves them out. */
unsigned __udivsi3(unsigned dividend, unsigned divisor);
int __divsi3(int dividend, int divisor);

unsigned __udivsi3(unsigned dividend, unsigned divisor)
{
    unsigned quotient = 0, rest = 0;
    for (int bit = 31; bit >= 0; bit--) {
        rest = rest << 1 | (dividend >> bit & 1u);
        if (rest >= divisor) {
            rest -= divisor;
            quotient |= 1u << bit;
        }
    }
    return quotient;
}

int __divsi3(int dividend, int divisor)
{
    unsigned quotient =
        __udivsi3((unsigned)(dividend < 0 ? -dividend : dividend), (unsigned)(divisor < 0 ? -divisor : divisor));
    return (dividend < 0) != (divisor < 0) ? -(int)quotient : (int)quotient;
}

/* One core, no interrupts: a lock is a word. */
unsigned board_core(void)
{
    return 0;
}

uint32_t board_interrupts_off(void)
{
    return 0;
}

void board_interrupts_restore(uint32_t state)
{
    (void)state;
}

bool board_word_claim(uint32_t *word, uint32_t expected, uint32_t desired)
{
    bool free = *word == expected;
    *word = free ? desired : *word;
    return free;
}

void board_word_release(uint32_t *word, uint32_t value)
{
    *word = value;
}

int main(void)
{
    const struct heap_region region = {memory, sizeof memory, 0};
    heap_caps_init(&region, 1, types);
    moving = heap_caps_malloc(BLOCK, MALLOC_CAP_DEFAULT);
    victim = heap_caps_malloc(BLOCK, MALLOC_CAP_DEFAULT);
    memset(moving, 0xA7, BLOCK + 4);
    for (;;) {
    }
}
