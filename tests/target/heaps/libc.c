/* SPDX-License-Identifier: Apache-2.0
 *
 * A few blocks of a C library's real malloc, before and after a write past the end of one. It runs on a bare board, or
 * ends in a core in an emulator of user programs.
 */
#include <stddef.h>
#include <stdlib.h>

enum { NAME = 20, GONE = 40, LINE = 100, TABLE = 24 };

static char memory[16 << 10] __attribute__((aligned(16)));
static char *heap_end = memory;
static char stack[8 << 10] __attribute__((aligned(16), used));
char *name, *gone, *line, *table;

void *_sbrk(ptrdiff_t increment)
{
    if (increment > memory + sizeof memory - heap_end)
        return (void *)-1;
    heap_end += increment;
    return heap_end - increment;
}

void *sbrk(ptrdiff_t increment)
{
    return _sbrk(increment);
}

__attribute__((noinline)) void stop_here(void)
{
    __asm__ volatile("" ::: "memory");
}

__attribute__((noinline, used)) static void live(void)
{
    name = malloc(NAME);
    gone = malloc(GONE);
    line = malloc(LINE);
    table = malloc(TABLE);
    free(gone);
    stop_here();
    for (volatile char *place = line; place < line + LINE + 16; place++)
        *place = 'A';
    stop_here();
    __builtin_trap();
}

#if defined(__arm__)
__attribute__((naked)) void _start(void)
{
    __asm__("ldr r0, =stack + 8192\n mov sp, r0\n bl live");
}
#else
__attribute__((naked, section(".text.start"))) void _start(void)
{
    __asm__(
        ".option push\n .option norelax\n la gp, __global_pointer$\n .option pop\n la sp, stack + 8192\n call live");
}
#endif
