/* SPDX-License-Identifier: Apache-2.0
 *
 * Cores as threads and interrupts as signals: nothing torn, nothing uncounted, each core's events in order.
 */
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "cases.h"
#include "reader.h"
#include "world.h"

#ifndef EVENTS_A_THREAD
#define EVENTS_A_THREAD 250000
#endif

enum { THREADS = 4, LANES = THREADS + 1 };

/* Everything in an event follows from its lane (the thread, or the signal handler) and its number: any word of another event
 * in it shows. */
static size_t size_from(uintptr_t number, unsigned lane)
{
    return (number * 2654435761u >> 8 ^ lane) & 0xffffff;
}

static void alloc_in_lane(unsigned lane, uintptr_t number)
{
    struct memtrace_caller caller = caller_at(0x1000 * (lane + 1) + number % 4 * 16);
    memtrace_alloc(caller, (void *)(number << 4 | lane), size_from(number, lane), lane);
}

static void check_event(const struct reader *reader, uint64_t sequence, const struct seen *seen, unsigned lane)
{
    uint64_t pcs[32];
    uintptr_t number = (uintptr_t)seen->address >> 4;
    CHECK(lane < LANES && seen->size == size_from(number, lane) && seen->heap == lane && seen->core == lane % THREADS);
    CHECK(seen->context == (lane == THREADS ? MEMTRACE_CONTEXT_ISR : lane == 0 ? 0 : seen->context));
    CHECK(reader_stack(reader, sequence, pcs) >= 1 && pcs[0] == CODE + 0x1000 * (lane + 1) + number % 4 * 16);
}

/* kept + lost = issued, and each lane in order. */
static void check_ring(uint64_t calls)
{
    struct reader reader = reader_open(memtrace_ring);
    uint64_t last[LANES] = {0};
    uint32_t kept = 0;
    struct seen seen;
    CHECK(reader.issued == calls && reader_busy(&reader) == 0 && memtrace_ring->lost_stopped == 0);
    for (uint64_t sequence = reader_first(&reader); sequence < reader.issued; sequence++) {
        if (!reader_event(&reader, sequence, &seen))
            continue;
        unsigned lane = (unsigned)seen.address & 15;
        check_event(&reader, sequence, &seen, lane);
        CHECK(seen.address > last[lane]);
        last[lane] = seen.address;
        kept++;
    }
    uint64_t lost = reader.issued - reader_first(&reader) - kept;
    CHECK(kept > 0 && lost <= memtrace_ring->lost_busy);
    printf("%llu issued, %u kept, %u lost\n", (unsigned long long)calls, kept, memtrace_ring->lost_busy);
    reader_close(&reader);
}

static pthread_barrier_t barrier;

static void *thread_run(void *argument)
{
    unsigned lane = (unsigned)(uintptr_t)argument;
    here.core = lane;
    here.context = lane == 0 ? 0 : TASK(lane);
    pthread_barrier_wait(&barrier);
    for (uintptr_t number = 1; number <= EVENTS_A_THREAD; number++)
        alloc_in_lane(lane, number);
    return NULL;
}

static void threads_run(void *(*run)(void *))
{
    pthread_t threads[THREADS];
    CHECK(pthread_barrier_init(&barrier, NULL, THREADS) == 0);
    for (uintptr_t i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, run, (void *)i) == 0);
    for (unsigned i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
}

void test_threads(void)
{
    struct memtrace_config config = {0};
    CHECK(ring_start((size_t)1 << 20, &config) != NULL);
    threads_run(thread_run);
    check_ring((uint64_t)THREADS * EVENTS_A_THREAD);
}

/* Laps so short that writers meet in their slots all the time. */
void test_threads_tiny_ring(void)
{
    ring_start_events(9);
    threads_run(thread_run);
    check_ring((uint64_t)THREADS * EVENTS_A_THREAD);
}

enum { NEW_STACKS = 2000 };

static void *thread_of_stacks(void *argument)
{
    unsigned lane = (unsigned)(uintptr_t)argument;
    here.core = lane;
    here.context = TASK(lane % 2);
    pthread_barrier_wait(&barrier);
    for (uintptr_t number = 0; number < NEW_STACKS; number++) {
        uintptr_t pcs[3] = {CODE + number * 2, CODE + number * 4, CODE + number * 6};
        memtrace_alloc(stack_of(pcs, 3), (void *)(number * 2), 0, lane);
    }
    return NULL;
}

/* All threads enter the same new stacks and name the same tasks at the same time. */
void test_threads_new_stacks(void)
{
    struct memtrace_config config = {.stack_bytes = NEW_STACKS * 8 * sizeof(uintptr_t)};
    CHECK(ring_start((size_t)1 << 20, &config) != NULL);
    threads_run(thread_of_stacks);
    struct reader reader = reader_open(memtrace_ring);
    struct seen seen;
    uint64_t pcs[32];
    CHECK(reader.issued - memtrace_ring->stacks_full == THREADS * NEW_STACKS && memtrace_ring->names_full == 0);
    for (uint64_t sequence = 0; sequence < reader.issued; sequence++) {
        CHECK(reader_event(&reader, sequence, &seen));
        if (seen.kind != MEMTRACE_ALLOC || seen.stack == 0)
            continue;
        CHECK(reader_stack(&reader, sequence, pcs) == 3 && pcs[0] == CODE + seen.address);
        CHECK(pcs[1] == CODE + seen.address * 2 && pcs[2] == CODE + seen.address * 3);
    }
    reader_close(&reader);
}

enum { SIGNALS_WANTED = 1000 };

static volatile uintptr_t signals_seen;
static pthread_t interrupted;

/* An interrupt: another context on the same core, on top of whatever it found half done there. */
static void interrupt(int number)
{
    (void)number;
    struct here saved = here;
    uintptr_t frame[8] = {0};
    frame[1] = CODE + 0x1000 * (THREADS + 1) + (signals_seen + 1) % 4 * 16;
    here.context = MEMTRACE_CONTEXT_ISR;
    here.stack = (struct memtrace_span){(uintptr_t)frame, (uintptr_t)&frame[8]};
    signals_seen++;
    struct memtrace_caller caller = {frame[1], (uintptr_t)frame};
    memtrace_alloc(caller, (void *)(signals_seen << 4 | THREADS), size_from(signals_seen, THREADS), THREADS);
    here = saved;
}

static void *interrupts_send(void *argument)
{
    bool *stop = argument;
    while (!__atomic_load_n(stop, __ATOMIC_ACQUIRE))
        CHECK(pthread_kill(interrupted, WORLD_INTERRUPT) == 0);
    return NULL;
}

void test_signals(void)
{
    struct sigaction action = {.sa_handler = interrupt, .sa_flags = SA_RESTART};
    bool stop = false;
    pthread_t sender;
    ring_start_events(50);
    interrupted = pthread_self();
    CHECK(sigaction(WORLD_INTERRUPT, &action, NULL) == 0 && pthread_create(&sender, NULL, interrupts_send, &stop) == 0);
    uintptr_t number = 0;
    while (number < EVENTS_A_THREAD || signals_seen < SIGNALS_WANTED)
        alloc_in_lane(0, ++number);
    __atomic_store_n(&stop, true, __ATOMIC_RELEASE);
    CHECK(pthread_join(sender, NULL) == 0);
    check_ring(number + signals_seen);
}
