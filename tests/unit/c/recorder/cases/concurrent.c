/* SPDX-License-Identifier: Apache-2.0
 *
 * Cores as threads and interrupts as signals: nothing torn, nothing uncounted, each core's events in order, each at a time
 * between those that its caller read around it, under a clock that runs fast and jumps.
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

/* When a lane's events were given to the recorder: numbers further back than this are in no ring of these tests. */
enum { BRACKETS = 1 << 18 };

static struct bracket {
    uintptr_t number;
    uint64_t before;
    uint64_t after;
} brackets[LANES][BRACKETS];

/* The clock moves by each look at it, so that every few hundred events are too far from the last time that is known in full,
 * and now and then it jumps: in front of somebody else's next look, wherever that one is. The cores' clocks differ. */
static void clock_start(void)
{
    world_yields = true;
    __atomic_store_n(&world_step, (uint64_t)1 << (memtrace_ring->time_bits - 10u), __ATOMIC_RELAXED);
}

static void clock_jump(uintptr_t number)
{
    if (number % 97 == 0)
        __atomic_fetch_add(&world_time, ((uint64_t)1 << memtrace_ring->time_bits) * (number % 5), __ATOMIC_RELAXED);
}

static void record_in_lane(struct memtrace_caller caller, unsigned lane, uintptr_t number)
{
    struct bracket *bracket = &brackets[lane][number % BRACKETS];
    bracket->number = number;
    bracket->before = memtrace_port_time_full();
    memtrace_alloc(caller, (void *)(number << 4 | lane), size_from(number, lane), lane);
    bracket->after = memtrace_port_time_full();
}

static void alloc_in_lane(unsigned lane, uintptr_t number)
{
    clock_jump(number);
    record_in_lane(caller_at(0x1000 * (lane + 1) + number % 4 * 16), lane, number);
}

static void check_time(uint64_t time, const struct seen *seen, unsigned lane)
{
    uintptr_t number = (uintptr_t)seen->address >> 4;
    const struct bracket *bracket = &brackets[lane][number % BRACKETS];
    CHECK(bracket->number == number && time != TIME_UNKNOWN && bracket->before <= time && time <= bracket->after);
}

static void check_event(const struct reader *reader, uint64_t sequence, const struct seen *seen, unsigned lane)
{
    uint64_t pcs[32];
    uintptr_t number = (uintptr_t)seen->address >> 4;
    CHECK(lane < LANES && seen->size == size_from(number, lane) && seen->heap == lane && seen->core == lane % THREADS);
    CHECK(seen->context == (lane == THREADS ? MEMTRACE_CONTEXT_ISR : lane == 0 ? 0 : seen->context));
    CHECK(reader_stack(reader, sequence, pcs) >= 1 && pcs[0] == CODE + 0x1000 * (lane + 1) + number % 4 * 16);
}

static bool is_record(const struct seen *seen)
{
    return seen->kind == MEMTRACE_SYNC || seen->kind == MEMTRACE_TIME;
}

/* kept + lost = issued, and each lane in order. Records of times come on top. */
static void check_ring(uint64_t calls)
{
    struct reader reader = reader_open(memtrace_ring);
    uint64_t *times = reader_times(&reader);
    uint64_t first = reader_first(&reader);
    uint64_t last[LANES] = {0};
    uint32_t kept = 0;
    uint32_t records = 0;
    struct seen seen;
    CHECK(reader.issued >= calls && reader.issued < 2 * calls && reader_busy(&reader) == 0);
    CHECK(memtrace_ring->lost_stopped == 0);
    for (uint64_t sequence = first; sequence < reader.issued; sequence++) {
        if (!reader_event(&reader, sequence, &seen))
            continue;
        kept++;
        records += is_record(&seen);
        if (is_record(&seen))
            continue;
        unsigned lane = (unsigned)seen.address & 15;
        check_event(&reader, sequence, &seen, lane);
        check_time(times[sequence - first], &seen, lane);
        CHECK(seen.address > last[lane]);
        last[lane] = seen.address;
    }
    uint64_t lost = reader.issued - first - kept;
    CHECK(kept > records && lost <= 2 * (uint64_t)memtrace_ring->lost_busy);
    printf("%llu issued, %u kept, %u records, %u lost\n", (unsigned long long)reader.issued, kept, records,
           memtrace_ring->lost_busy);
    free(times);
    reader_close(&reader);
}

static pthread_barrier_t barrier;

static void *thread_run(void *argument)
{
    unsigned lane = (unsigned)(uintptr_t)argument;
    here.core = lane;
    here.context = lane == 0 ? 0 : TASK(lane);
    here.ahead = ((uint64_t)lane << memtrace_ring->time_bits) / 16u;
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
    CHECK(ring_start((size_t)1 << 22, &config) != NULL);
    clock_start();
    threads_run(thread_run);
    check_ring((uint64_t)THREADS * EVENTS_A_THREAD);
}

/* Laps so short that writers meet in their slots all the time. */
void test_threads_tiny_ring(void)
{
    ring_start_events(9);
    clock_start();
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
    for (uintptr_t number = 1; number <= NEW_STACKS; number++) {
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
    clock_jump(signals_seen);
    record_in_lane((struct memtrace_caller){frame[1], (uintptr_t)frame}, THREADS, signals_seen);
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
    clock_start();
    interrupted = pthread_self();
    CHECK(sigaction(WORLD_INTERRUPT, &action, NULL) == 0 && pthread_create(&sender, NULL, interrupts_send, &stop) == 0);
    uintptr_t number = 0;
    while (number < EVENTS_A_THREAD || signals_seen < SIGNALS_WANTED)
        alloc_in_lane(0, ++number);
    __atomic_store_n(&stop, true, __ATOMIC_RELEASE);
    CHECK(pthread_join(sender, NULL) == 0);
    check_ring(number + signals_seen);
}

enum { STEPS = 64, QUIET = 10 };

static unsigned steps_left;

/* The clock goes on by half of what an event's own time reaches, and the interrupt's event is far from the last SYNC, too. */
static void come_at_a_step(void)
{
    if (steps_left-- > 0) {
        world_interrupt = come_at_a_step;
        return;
    }
    __atomic_fetch_add(&world_time, (uint64_t)1 << (memtrace_ring->time_bits - 1u), __ATOMIC_RELAXED);
    interrupt(0);
}

/* An event that writes a SYNC is interrupted, in front of each question to the port in turn, by one that writes one. */
void test_interrupted_syncs(void)
{
    for (unsigned step = 0; step < STEPS; step++) {
        ring_start_events(50);
        __atomic_store_n(&world_step, 1, __ATOMIC_RELAXED);
        uintptr_t number = 0;
        while (number < QUIET)
            alloc_in_lane(0, ++number);
        __atomic_fetch_add(&world_time, (uint64_t)1 << memtrace_ring->time_bits, __ATOMIC_RELAXED);
        steps_left = step;
        uintptr_t before = signals_seen;
        world_interrupt = come_at_a_step;
        alloc_in_lane(0, ++number);
        world_interrupt = NULL;
        check_ring(number + signals_seen - before);
    }
}
