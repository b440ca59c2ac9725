/* SPDX-License-Identifier: Apache-2.0
 *
 * A user's program: it keeps a book of what it allocates, by whom and in which thread.
 */
#include <stdlib.h>
#include <string.h>
#include <zephyr/kernel.h>

enum { ENTRIES = 96, ROUNDS = 3, HUGE = 100 << 20 };

struct entry {
    uint32_t kind; /* A, F, X; B and E around a move */
    uint32_t block;
    uint32_t size;
    uint32_t by;
};

typedef void user(void);

struct entry app_book[ENTRIES];
unsigned app_entries;
volatile bool app_frees_twice;
volatile bool app_panics;

K_HEAP_DEFINE(app_heap, 2048);

static void enter(char kind, const void *block, size_t size, user *by)
{
    if (app_entries < ENTRIES)
        app_book[app_entries++] = (struct entry){(uint32_t)kind, (uint32_t)block, size, (uint32_t)by};
}

#define TAKES(by, bytes, taken, given) \
    do { \
        void *block = (taken); \
        enter(block != NULL ? 'A' : 'X', block, bytes, by); \
        if (block != NULL) \
            enter('F', block, 0, by); \
        given; \
    } while (0)

/* Larger, in place. */
#define MOVES(by, taken, larger, given) \
    do { \
        void *block = (taken); \
        enter('A', block, 20, by); \
        for (size_t bytes = 40; bytes <= 640; bytes *= 16) { \
            void *from = block; \
            block = (larger); \
            enter('B', from, bytes, by); \
            enter('E', block, bytes, by); \
        } \
        enter('F', block, 0, by); \
        given; \
    } while (0)

#define USER(name) __attribute__((noinline)) static void name(void)

USER(user_k_malloc)
{
    TAKES(user_k_malloc, 40, k_malloc(40), k_free(block));
    TAKES(user_k_malloc, HUGE, k_malloc(HUGE), k_free(block));
}

USER(user_k_calloc)
{
    TAKES(user_k_calloc, 44, k_calloc(4, 11), k_free(block));
}

USER(user_k_aligned_alloc)
{
    TAKES(user_k_aligned_alloc, 52, k_aligned_alloc(64, 52), k_free(block));
}

USER(user_k_realloc)
{
    MOVES(user_k_realloc, k_malloc(20), k_realloc(block, bytes), k_free(block));
}

/* Something lies behind it. */
USER(user_k_realloc_elsewhere)
{
    void *block = k_malloc(20);
    enter('A', block, 20, user_k_realloc_elsewhere);
    void *behind = k_malloc(21);
    enter('A', behind, 21, user_k_realloc_elsewhere);
    void *moved = k_realloc(block, 200);
    enter('B', block, 200, user_k_realloc_elsewhere);
    enter('E', moved, 200, user_k_realloc_elsewhere);
    enter('F', behind, 0, user_k_realloc_elsewhere);
    k_free(behind);
    enter('F', moved, 0, user_k_realloc_elsewhere);
    k_free(moved);
}

USER(user_z_thread)
{
    TAKES(user_z_thread, 36, z_thread_aligned_alloc(0, 36), k_free(block));
}

USER(user_k_heap)
{
    TAKES(user_k_heap, 60, k_heap_alloc(&app_heap, 60, K_NO_WAIT), k_heap_free(&app_heap, block));
    TAKES(user_k_heap, 64, k_heap_aligned_alloc(&app_heap, 32, 64, K_NO_WAIT), k_heap_free(&app_heap, block));
    TAKES(user_k_heap, 66, k_heap_calloc(&app_heap, 6, 11, K_NO_WAIT), k_heap_free(&app_heap, block));
    MOVES(user_k_heap, k_heap_alloc(&app_heap, 20, K_NO_WAIT), k_heap_realloc(&app_heap, block, bytes, K_NO_WAIT),
          k_heap_free(&app_heap, block));
}

USER(user_libc)
{
    TAKES(user_libc, 70, malloc(70), free(block));
    TAKES(user_libc, 72, calloc(8, 9), free(block));
    TAKES(user_libc, 74, aligned_alloc(64, 74), free(block));
    MOVES(user_libc, malloc(20), realloc(block, bytes), free(block));
}

USER(user_interrupt)
{
    TAKES(user_interrupt, 24, k_malloc(24), k_free(block));
}

static void interrupt(const void *unused)
{
    (void)unused;
    user_interrupt();
}

USER(user_leak)
{
    void *block = k_malloc(76);
    enter('A', block, 76, user_leak);
}

static struct k_thread sensor_thread;
static char sensor_stack[1024] __attribute__((aligned(16)));
static unsigned running;

static void sensor(void *a, void *b, void *c)
{
    (void)a;
    (void)b;
    (void)c;
    for (int round = 0; round < ROUNDS; round++) {
        user_leak();
        k_yield();
    }
    running--;
}

/* The same thread's memory, under another name. */
static void sensor_run(const char *name)
{
    running = 1;
    k_thread_create(&sensor_thread, sensor_stack, sizeof sensor_stack, sensor, name);
    while (running > 0)
        k_yield();
}

__attribute__((noinline)) static void free_twice(void)
{
    void *block = k_malloc(80);
    k_free(block);
    k_free(block);
}

void app_done(void);
__attribute__((noinline)) void app_done(void)
{
    __asm__ volatile("" : : : "memory");
}

int main(void)
{
    user_k_malloc();
    user_k_calloc();
    user_k_aligned_alloc();
    user_k_realloc();
    user_k_realloc_elsewhere();
    user_z_thread();
    user_k_heap();
    user_libc();
    irq_offload(interrupt, NULL);
    sensor_run("sensor");
    sensor_run("net");
    if (app_frees_twice)
        free_twice();
    if (app_panics)
        k_panic();
    app_done();
    for (;;)
        k_yield();
}
