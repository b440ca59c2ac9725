/* SPDX-License-Identifier: Apache-2.0
 *
 * A user's program: it keeps a book of what it allocates, by whom and in which task.
 */
#include <malloc.h>
#include <nuttx/arch.h>
#include <nuttx/sched.h>
#include <stdlib.h>
#include <string.h>

enum { ENTRIES = 64, ROUNDS = 3 };

struct entry {
    uint32_t kind; /* A, F, X; B and E around a move */
    uint32_t block;
    uint32_t size;
    uint32_t by;
};

typedef void user(void);

struct entry app_book[ENTRIES];
unsigned app_entries;
bool app_frees_twice;
uint32_t app_selftest;

#ifdef CONFIG_MEMTRACE
#include "memtrace_console.h"

uint32_t memtrace_selftest(void);

static void line_put(void *context, const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        *(volatile unsigned char *)context = (unsigned char)text[i];
}

static const struct memtrace_console_output uart = {line_put, (void *)0x10000000, false};
#endif

static void enter(char kind, const void *block, size_t size, user *by)
{
    if (app_entries < ENTRIES)
        app_book[app_entries++] = (struct entry){(uint32_t)kind, (uint32_t)block, size, (uint32_t)by};
}

#define TAKES(by, bytes, taken) \
    do { \
        void *block = (taken); \
        enter(block != NULL ? 'A' : 'X', block, bytes, by); \
        if (block != NULL) \
            enter('F', block, 0, by); \
        free(block); \
    } while (0)

#define USER(name) __attribute__((noinline)) static void name(void)

USER(user_malloc)
{
    TAKES(user_malloc, 40, malloc(40));
    TAKES(user_malloc, 100 << 20, malloc(100 << 20));
}

USER(user_calloc)
{
    TAKES(user_calloc, 44, calloc(4, 11));
}

USER(user_zalloc)
{
    TAKES(user_zalloc, 48, zalloc(48));
}

USER(user_memalign)
{
    TAKES(user_memalign, 52, memalign(64, 52));
}

USER(user_strdup)
{
    TAKES(user_strdup, 5, strdup("copy"));
}

USER(user_realloc)
{
    void *block = malloc(20);
    enter('A', block, 20, user_realloc);
    void *moved = realloc(block, 300);
    enter('B', block, 300, user_realloc);
    enter('E', moved, 300, user_realloc);
    enter('F', moved, 0, user_realloc);
    free(moved);
}

USER(user_interrupt)
{
    TAKES(user_interrupt, 24, malloc(24));
}

USER(user_leak)
{
    void *block = malloc(72);
    enter('A', block, 72, user_leak);
}

static void all_entries(void)
{
    user_malloc();
    user_calloc();
    user_zalloc();
    user_memalign();
    user_strdup();
    user_realloc();
}

static unsigned running;

static void sensor(void)
{
    for (int round = 0; round < ROUNDS; round++) {
        user_leak();
        sched_yield();
    }
    running--;
}

/* Waits for ever. */
static void net(void)
{
    all_entries();
    for (;;)
        sched_yield();
}

__attribute__((noinline)) static void free_twice(void)
{
    void *block = malloc(60);
    free(block);
    free(block); /* cppcheck-suppress doubleFree */
}

void app_done(void);
__attribute__((noinline)) void app_done(void)
{
    __asm__ volatile("" : : : "memory");
}

void app_main(void);
void app_main(void)
{
    running = 1;
    nxtask_create("sensor", 1024, sensor);
    nxtask_create("net", 1024, net);
    all_entries();
    up_interrupt_now(user_interrupt);
    while (running > 0)
        sched_yield();
    if (app_frees_twice)
        free_twice();
#ifdef CONFIG_MEMTRACE
    app_selftest = memtrace_selftest();
    (void)memtrace_console("free", &uart);
#endif
    app_done();
    for (;;)
        sched_yield();
}
