/* SPDX-License-Identifier: Apache-2.0
 *
 * `usage_test CASE [FILE]`: one case of counting, then the counters' bytes into FILE. tests/unit/test_usage.py drives it.
 */
#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <x86intrin.h>

#include "memtrace_usage.h"

enum { TRAP_FLAG = 0x100 }; /* a SIGTRAP behind each instruction */
enum { THREADS = 4, ROUNDS = 20000, HELD = 16, SIZE = 100 };

void counted_done(void);

static struct memtrace_module usage_of(unsigned module)
{
    struct memtrace_module usage;
    memset(&usage, 0xa5, sizeof usage);
    assert(memtrace_usage_of(module, &usage));
    return usage;
}

static void one_by_one(void)
{
    struct memtrace_module usage;
    memtrace_usage_name(1, "network");
    memtrace_usage_name(2, "a name of twenty-three");
    memtrace_usage_alloc(1, 100);
    memtrace_usage_alloc(1, 50);
    memtrace_usage_free(1, 100);
    memtrace_usage_alloc(1, 20);
    usage = usage_of(1);
    assert(usage.bytes == 70 && usage.blocks == 2 && usage.peak_bytes == 150);
    assert(usage.allocated_bytes == 170 && usage.allocations == 3 && usage.unmatched == 0);
    assert(strcmp(usage.name, "network") == 0 && memcmp(usage_of(2).name, "a name of twenty-thr", 20) == 0);
    memtrace_usage_name(2, NULL);
    assert(usage_of(2).name[0] == '\0' && usage_of(2).name[19] == '\0');
    memtrace_usage_free(3, 5); /* never below 0 */
    usage = usage_of(3);
    assert(usage.bytes == 0 && usage.blocks == 0 && usage.unmatched == 1);
    memtrace_usage_alloc(3, 5);
    memtrace_usage_free(3, 6);
    usage = usage_of(3);
    assert(usage.bytes == 0 && usage.blocks == 0 && usage.unmatched == 2 && usage.peak_bytes == 5);
    memtrace_usage_alloc(MEMTRACE_USAGE_MODULES, 7); /* no such module */
    memtrace_usage_alloc(~0u, 8);
    assert(usage_of(0).bytes == 15 && !memtrace_usage_of(MEMTRACE_USAGE_MODULES, &usage));
}

static pthread_barrier_t barrier;

/* Many blocks and few at a time; then all threads hold as many as they ever do. Module 2 has frees that nobody allocated. */
static void *thread_run(void *argument)
{
    (void)argument;
    for (unsigned i = 0; i < ROUNDS; i++) {
        unsigned count = 1 + i % HELD;
        for (unsigned j = 0; j < count; j++)
            memtrace_usage_alloc(1, SIZE + j);
        for (unsigned j = 0; j < count; j++)
            memtrace_usage_free(1, SIZE + j);
        memtrace_usage_alloc(2, 1);
        memtrace_usage_free(2, 1);
        memtrace_usage_free(2, 1);
    }
    (void)pthread_barrier_wait(&barrier);
    for (unsigned j = 0; j < HELD; j++)
        memtrace_usage_alloc(1, SIZE + j);
    (void)pthread_barrier_wait(&barrier);
    for (unsigned j = 0; j < HELD; j++)
        memtrace_usage_free(1, SIZE + j);
    return NULL;
}

static void interrupt_come(int number)
{
    (void)number;
    memtrace_usage_alloc(4, 3);
    memtrace_usage_alloc(1, 0);
    memtrace_usage_free(1, 0);
    memtrace_usage_free(4, 3);
}

static void threads(void)
{
    pthread_t ids[THREADS];
    unsigned held = HELD * SIZE + HELD * (HELD - 1) / 2;
    unsigned rounds = 0;
    unsigned interrupts = 0;
    for (unsigned i = 0; i < ROUNDS; i++)
        rounds += 1 + i % HELD;
    assert(signal(SIGUSR1, interrupt_come) != SIG_ERR && pthread_barrier_init(&barrier, NULL, THREADS) == 0);
    for (unsigned i = 0; i < THREADS; i++)
        assert(pthread_create(&ids[i], NULL, thread_run, NULL) == 0);
    for (; interrupts < 400; interrupts++)
        (void)pthread_kill(ids[interrupts % THREADS], SIGUSR1);
    for (unsigned i = 0; i < THREADS; i++)
        assert(pthread_join(ids[i], NULL) == 0);
    struct memtrace_module usage = usage_of(1);
    assert(usage.bytes == 0 && usage.blocks == 0 && usage.unmatched == 0 && usage.peak_bytes == THREADS * held);
    assert(usage.allocations >= THREADS * (rounds + HELD) && usage_of(4).peak_bytes <= 3 * THREADS);
    usage = usage_of(2);
    assert(usage.allocations == THREADS * ROUNDS && usage.bytes == 0 && usage.blocks == 0);
    assert(usage.peak_bytes >= 1 && usage.peak_bytes <= THREADS && usage.unmatched >= THREADS * ROUNDS);
}

static volatile unsigned steps_left;

/* Behind one instruction of what it interrupts. */
static void step_taken(int number)
{
    (void)number;
    if (steps_left == 0 || --steps_left != 0)
        return;
    memtrace_usage_alloc(1, 1000);
}

static bool interrupted(void (*count)(unsigned, size_t), unsigned step)
{
    steps_left = step;
    __writeeflags(__readeflags() | TRAP_FLAG);
    count(1, 10);
    __writeeflags(__readeflags() & ~(unsigned)TRAP_FLAG);
    return steps_left == 0;
}

static void usage_clear(void)
{
    memset(memtrace_usage_modules, 0, sizeof memtrace_usage_modules);
}

/* An interrupt that allocates behind each instruction of an allocation, and of a free: nothing of either is lost, nor the peak. */
static void interrupts(void)
{
    unsigned placed = 0;
    bool came = true;
    assert(signal(SIGTRAP, step_taken) != SIG_ERR);
    for (unsigned step = 1; came; step++) {
        usage_clear();
        came = interrupted(memtrace_usage_alloc, step);
        struct memtrace_module usage = usage_of(1);
        assert(usage.bytes == (came ? 1010 : 10) && usage.blocks == (came ? 2 : 1) && usage.unmatched == 0);
        assert(usage.peak_bytes == usage.bytes && usage.allocated_bytes == usage.bytes);
        assert(usage.allocations == usage.blocks);
        usage_clear();
        memtrace_usage_alloc(1, 10);
        bool freed = interrupted(memtrace_usage_free, step);
        usage = usage_of(1);
        assert(usage.bytes == (freed ? 1000 : 0) && usage.blocks == (freed ? 1 : 0) && usage.unmatched == 0);
        placed += came + freed;
    }
    printf("%u\n", placed);
}

/* A debugger stops here. */
__attribute__((noinline)) void counted_done(void)
{
    __asm__ volatile("");
}

int main(int count, char **arguments)
{
    if (count > 1 && strcmp(arguments[1], "threads") == 0)
        threads();
    else if (count > 1 && strcmp(arguments[1], "interrupts") == 0)
        interrupts();
    else
        one_by_one();
    counted_done();
    FILE *file = count > 2 ? fopen(arguments[2], "wb") : NULL;
    if (file != NULL) {
        assert(fwrite(memtrace_usage_modules, sizeof memtrace_usage_modules, 1, file) == 1);
        assert(fclose(file) == 0);
    }
    return 0;
}
