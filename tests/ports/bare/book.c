/* SPDX-License-Identifier: Apache-2.0
 *
 * The book, and its way out: semihosting, the same on both machines.
 */
#include "book.h"

#if __has_include("memtrace.h")
#include "memtrace.h"
#endif

enum { ENTRIES = 96, WRITE_TEXT = 4, EXIT = 0x18, EXITED = 0x20026 };

struct entry {
    char kind;
    uintptr_t block;
    size_t size;
    user *by;
};

static struct entry book[ENTRIES];
static unsigned entries;

static void enter(char kind, uintptr_t block, size_t size, user *by)
{
    if (entries < ENTRIES)
        book[entries++] = (struct entry){kind, block, size, by};
}

void book_got(uintptr_t block, size_t size, user *by)
{
    enter(block != 0 ? 'A' : 'X', block, size, by);
}

void book_gave(uintptr_t block, user *by)
{
    if (block != 0)
        enter('F', block, 0, by);
}

void book_moved(uintptr_t from, uintptr_t to, size_t size, user *by)
{
    enter('B', from, size, by);
    enter('E', to, size, by);
}

/* A clock that goes on by 3,000 units whenever somebody looks at it. */
uint32_t clock_units(void)
{
    static uint32_t now = 1;
    return now += 3000;
}

static void semihost(uintptr_t call, uintptr_t argument)
{
#ifdef __riscv
    register uintptr_t a0 __asm__("a0") = call;
    register uintptr_t a1 __asm__("a1") = argument;
    __asm__ volatile(".option push\n.option norvc\nslli x0, x0, 0x1f\nebreak\nsrai x0, x0, 7\n.option pop"
                     : "+r"(a0)
                     : "r"(a1)
                     : "memory");
#else
    register uintptr_t r0 __asm__("r0") = call;
    register uintptr_t r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
#endif
}

/* Words as 8 digits each, and the end of the line. */
static void print(char kind, const uintptr_t *words, unsigned count)
{
    static char line[8 * 4 + 4];
    char *at = line;
    *at++ = kind;
    for (unsigned word = 0; word < count; word++) {
        for (unsigned shift = 32; shift > 0; shift -= 4)
            *at++ = "0123456789abcdef"[words[word] >> (shift - 4) & 0xfu];
    }
    *at++ = '\n';
    *at = '\0';
    semihost(WRITE_TEXT, (uintptr_t)line);
}

/* Nothing, in a program without the recorder. */
static void ring_print(void)
{
#ifdef MEMTRACE_H
    if (memtrace_ring == NULL)
        return;
    print('@', (uintptr_t[]){(uintptr_t)memtrace_ring}, 1);
    const uintptr_t *words = (const uintptr_t *)(const void *)memtrace_ring;
    for (uint32_t i = 0; i < memtrace_ring->total_size / 4; i += 4)
        print('=', words + i, 4);
#endif
}

void book_print(void)
{
    for (unsigned i = 0; i < entries; i++) {
        const struct entry *one = &book[i];
        print(one->kind, (uintptr_t[]){one->block, one->size, (uintptr_t)one->by}, 3);
    }
    ring_print();
    semihost(EXIT, EXITED);
}
