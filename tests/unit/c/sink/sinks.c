/* SPDX-License-Identifier: Apache-2.0
 *
 * Sinks on the host: `sinks SCENARIO LOG RING` runs one scenario, writes the log that its output took to LOG, the ring's bytes to
 * RING, and prints what it asked the recorder to record, a line each, as tests/unit/c/recorder/books.c does. tests/unit/test_sink.py
 * compares the three.
 *
 *     KIND ADDRESS SIZE HEAP TASK CORE TIME PC,PC...
 *     NAME NUMBER                                       what else the scenario has counted
 */
#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <x86intrin.h>

#include "../../../../c_helpers/sinks/memtrace_sink.c" /* a reset clears what it has of its own */
#include "world.h"

enum { OUTPUT_BYTES = 1 << 26, THREADS = 4, DEPTH = 12, SINK_BYTES = 4096, RESETS = 70, RESET_STEPS = 43 };

#ifndef PAIRS_A_THREAD
#define PAIRS_A_THREAD 40000
#endif

static char *ring_memory;
static size_t ring_bytes;
static uint64_t sink_memory[SINK_BYTES / 8];
static uint32_t random_state = 1;
static sigjmp_buf reset_vector;

static uint32_t random_below(uint32_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state % limit;
}

/* ---- an output in memory, which is as bad as the scenario wants ---- */

static struct {
    struct memtrace_output output;
    uint8_t *bytes;
    uint64_t length; /* up to the last byte of the log */
    uint64_t part;   /* where the open part begins */
    uint64_t before; /* the part before it ends here, if there are two in turn */
    uint64_t most;   /* it takes no more than that */
    unsigned writes, closes, begins, turns;
    bool dies; /* a reset comes in the middle of the next write */
    bool busy; /* it allocates, and polls, as a file system would */
} log_file;

static struct memtrace_caller caller_deep(uintptr_t first, unsigned depth)
{
    uintptr_t pcs[DEPTH];
    for (unsigned i = 0; i < DEPTH; i++)
        pcs[i] = first + i * 16;
    return stack_of(pcs, depth);
}

static void say(const char *kind, uintptr_t address, size_t size, unsigned heap, uintptr_t first, unsigned depth)
{
    const char *task = here.context == 0   ? "(start-up)"
                       : here.context == 1 ? "(interrupt)"
                                           : (const char *)here.context;
    printf("%s %" PRIuPTR " %zu %u %s %u %" PRIu64 " ", kind, address, size, heap, task, here.core, world_time);
    for (unsigned i = 0; i < depth; i++)
        printf("%s%" PRIuPTR, i != 0 ? "," : "", first + i * 16);
    printf("\n");
}

static void alloc(uintptr_t address, size_t size, unsigned heap, uintptr_t first, unsigned depth)
{
    memtrace_alloc(caller_deep(first, depth), (void *)address, size, heap);
    say(address != 0 ? "alloc" : "alloc-failed", address, size, heap, first, depth);
}

static void release(uintptr_t address, unsigned heap, uintptr_t first, unsigned depth)
{
    memtrace_free(caller_deep(first, depth), (void *)address, heap);
    say("free", address, 0, heap, first, depth);
}

/* The last write: after a reset in the middle of it, it is made again, with the same bytes. */
static struct {
    volatile uint64_t place;
    size_t count;
    char bytes[SINK_BYTES];
} tried = {.place = UINT64_MAX};

static bool output_write(struct memtrace_output *output, const void *bytes, size_t count)
{
    assert(output == &log_file.output && count != 0 && count % memtrace_ring->event_size == 0);
    uint64_t place = log_file.part + output->taken;
    if (place + count > log_file.most)
        return false;
    if (log_file.busy) {
        alloc(0x70000000 + log_file.writes * 16, 512, 3, 0x30000, 3);
        memtrace_sink_poll();
        release(0x70000000 + log_file.writes * 16, 3, 0x30100, 2);
    }
    assert(tried.place != place || (tried.count == count && memcmp(tried.bytes, bytes, count) == 0));
    tried.place = UINT64_MAX;
    memcpy(tried.bytes, bytes, count);
    tried.count = count;
    tried.place = place;
    if (log_file.dies)
        siglongjmp(reset_vector, 1);
    memcpy(log_file.bytes + place, bytes, count);
    log_file.length = place + count;
    log_file.writes++;
    return true;
}

static bool output_close(struct memtrace_output *output)
{
    assert(output == &log_file.output);
    log_file.closes++;
    return true;
}

static bool output_begin(struct memtrace_output *output)
{
    assert(output == &log_file.output);
    log_file.part = log_file.length;
    log_file.begins++;
    return true;
}

static bool output_turn(struct memtrace_output *output)
{
    assert(output == &log_file.output && output->taken <= output->part_bytes);
    log_file.before = log_file.part;
    log_file.part = log_file.length;
    log_file.turns++;
    return true;
}

/* ---- a scenario's beginning and end ---- */

static void ring_make(size_t bytes, size_t stack_bytes, unsigned live)
{
    struct memtrace_config config = {.stack_bytes = stack_bytes, .names = 12, .live = live};
    ring_bytes = bytes;
    assert(posix_memalign((void **)&ring_memory, 16, bytes) == 0);
    assert(memtrace_init(ring_memory, bytes, &config));
}

static void start(size_t bytes, size_t stack_bytes, unsigned live)
{
    ring_make(bytes, stack_bytes, live);
    log_file.bytes = malloc(OUTPUT_BYTES);
    log_file.most = OUTPUT_BYTES;
    log_file.output = (struct memtrace_output){
        .write = output_write, .close = output_close, .begin = output_begin, .turn = output_turn};
    assert(log_file.bytes != NULL && memtrace_sink_start(sink_memory, sizeof sink_memory, &log_file.output));
    here.context = (uintptr_t) "main";
}

static void file_write(const char *path, const void *bytes, size_t count)
{
    FILE *file = fopen(path, "wb");
    assert(file != NULL && fwrite(bytes, 1, count, file) == count);
    fclose(file);
}

/* ---- one context ---- */

static void anything(unsigned stacks)
{
    static const char *const tasks[] = {"main", "wifi", "a name of just 20 b"};
    uintptr_t address = 0x20000000 + random_below(1000) * 16;
    uintptr_t first = 0x20000 + random_below(stacks) * 256;
    unsigned depth = 1 + (unsigned)(first / 256 % DEPTH);
    unsigned who = random_below(5);
    uint32_t what = random_below(16);
    here.context = who < 3 ? (uintptr_t)tasks[who] : who - 3u;
    here.core = random_below(8);
    world_time += random_below(20) == 0 ? random_below(100000) : random_below(8);
    if (random_below(2000) == 0)
        world_time += (uint64_t)random_below(1000) * 1073700001u; /* no multiple of 2^32 */
    if (what < 8) {
        alloc(random_below(50) == 0 ? 0 : address, random_below(1u << 20) + 1, random_below(32), first, depth);
    } else if (what < 14) {
        release(address, random_below(32), first, depth);
    } else {
        uintptr_t new = random_below(4) == 0 ? 0 : address + 16;
        struct memtrace_caller caller = caller_deep(first, depth);
        struct memtrace_realloc begun = memtrace_realloc_begin(caller, (void *)address, 77, 2);
        say("realloc-begin", address, 77, 2, first, depth);
        if (random_below(2) == 0)
            release(0x60000000, 5, 0x21000, 4);
        memtrace_realloc_end(begun, (void *)address, (void *)new, 77, 2);
        say("realloc-end", new, 77, 2, 0, 0);
    }
}

static void mark(const char *name, unsigned number)
{
    memtrace_mark(name);
    say("mark", number, 0, 0, 0, 0);
}

/* Polled often enough: nothing is lost. */
static void run_steady(void)
{
    start(16384, 4096, 0);
    mark("lap 1", MEMTRACE_CONTEXT_FIRST_TASK);
    for (unsigned i = 0; i < 20000; i++) {
        anything(24);
        if (random_below(60) == 0 || i % 128 == 0)
            memtrace_sink_poll();
    }
    memtrace_sink_flush();
}

/* More stacks than the table has room for: callers alone. */
static void run_callers(void)
{
    start(16384, 2048, 0);
    for (unsigned i = 0; i < 5000; i++) {
        anything(200);
        if (random_below(30) == 0)
            memtrace_sink_poll();
    }
    memtrace_sink_flush();
}

/* Polled too seldom, now and then. */
static void run_overrun(void)
{
    start(8192, 2048, 0);
    for (unsigned i = 0; i < 30000; i++) {
        anything(8);
        if (random_below(i % 3000 < 1500 ? 50 : 700) == 0)
            memtrace_sink_poll();
    }
    memtrace_sink_flush();
}

/* The output allocates and polls at each write. */
static void run_busy(void)
{
    start(16384, 4096, 0);
    log_file.busy = true;
    for (unsigned i = 0; i < 5000; i++) {
        alloc(0x20000000 + i * 16, i + 1, 0, 0x20000 + i % 5 * 16, 3);
        if (i % 40 == 0)
            memtrace_sink_poll();
    }
    log_file.busy = false;
    memtrace_sink_flush();
}

/* The disk is full after a while; the program goes on. */
static void run_full(void)
{
    start(16384, 4096, 0);
    log_file.most = 20000;
    for (unsigned i = 0; i < 5000; i++) {
        alloc(0x20000000 + i * 16, i + 1, 0, 0x20000 + i % 5 * 16, 3);
        if (i % 40 == 0)
            memtrace_sink_poll();
    }
    memtrace_sink_flush();
    printf("dropped %" PRIu64 "\n", memtrace_sink_dropped());
    printf("writes %u\n", log_file.writes);
    memtrace_sink_poll();
    assert(log_file.length <= 20000 && log_file.closes >= 1);
}

/* Two parts in turn, each of which stands alone. */
static void run_parts(void)
{
    start(16384, 4096, 256);
    log_file.output.part_bytes = 20000;
    for (unsigned i = 0; i < 6000; i++) {
        if (i % 40 == 7)
            alloc(0x50000000 + i * 16, i + 1, 4, 0x20000 + i % 3 * 16, 4); /* lives on */
        alloc(0x20000000 + i % 64 * 16, i + 1, 0, 0x20000 + i % 5 * 16, 3);
        release(0x20000000 + i % 64 * 16, 0, 0x20000 + i % 5 * 16, 3);
        if (i % 40 == 0)
            memtrace_sink_poll();
    }
    memtrace_sink_flush();
    printf("before %" PRIu64 "\npart %" PRIu64 "\nturns %u\n", log_file.before, log_file.part, log_file.turns);
}

/* One part, and then no more. */
static void run_limit(void)
{
    start(16384, 4096, 0);
    log_file.output.part_bytes = 20000;
    log_file.output.turn = NULL;
    for (unsigned i = 0; i < 3000; i++) {
        alloc(0x20000000 + i * 16, i + 1, 0, 0x20000 + i % 5 * 16, 3);
        if (i % 40 == 0)
            memtrace_sink_poll();
    }
    memtrace_sink_flush();
    printf("dropped %" PRIu64 "\n", memtrace_sink_dropped());
    assert(log_file.length <= 20000 && log_file.length > 18000);
}

/* Stopped, everything is written and closed at the next poll; started again, the log goes on. */
static void run_stops(void)
{
    start(16384, 4096, 0);
    for (unsigned i = 0; i < 3; i++) {
        for (unsigned n = 0; n < 10; n++)
            alloc(0x20000000 + n * 16, n + 1, 0, 0x20000, 3);
        memtrace_sink_poll();
        assert(log_file.closes == i);
        memtrace_stop();
        say("control", MEMTRACE_STOPPED, 0, 0, 0, 0);
        memtrace_alloc(caller_deep(0x20000, 1), (void *)16, 1, 0);
        memtrace_sink_poll();
        assert(log_file.closes == i + 1 && log_file.length > 10u * memtrace_ring->event_size);
        memtrace_start();
        say("control", MEMTRACE_STOPPED << MEMTRACE_CONTROL_BEFORE_SHIFT | MEMTRACE_RECORDING, 0, 0, 0, 0);
    }
    memtrace_sink_flush();
}

static void counted_alloc(unsigned i)
{
    alloc(0x20000000 + i * 16, i + 1, 0, 0x20000 + i % 5 * 16, 3);
}

static void assertion(void)
{
    memtrace_assert_failed(caller_deep(0x60000, 2), "!block_is_free(block)", 812, "tlsf_free");
    say("assert", 0, 812, 0, 0x60000, 2);
}

/* The last word of the slot that the next event gets: all ones are a task's that was deleted in the middle of its event. */
static void slot_kill(void)
{
    uint32_t index = memtrace_ring->head & 0xfffffu;
    char *slot = ring_memory + memtrace_ring->events.offset + index * memtrace_ring->event_size;
    uintptr_t *state = (uintptr_t *)(void *)slot + 3;
    counted_alloc(0);
    *state = (uintptr_t)-1;
}

/* An event that never comes is waited for: a second, or until half of the ring stands behind it. */
static void run_stuck(void)
{
    start(16384, 4096, 0);
    uint32_t capacity = memtrace_ring->events.count;
    for (unsigned round = 0; round < 2; round++) {
        counted_alloc(7);
        memtrace_sink_flush();
        slot_kill();
        uint64_t before = log_file.length;
        for (unsigned i = 0; i < capacity / 2; i++) {
            memtrace_sink_poll();
            assert(log_file.length == before);
            if (round == 0 || i < 20)
                counted_alloc(i + 1);
        }
        world_time += round == 0 ? 0 : 1000;
        counted_alloc(capacity);
        memtrace_sink_poll();
        memtrace_sink_poll();
        assert(log_file.length > before);
    }
}

/* An output that may be called at an assertion has all of it at once. */
static void run_polled(void)
{
    start(16384, 4096, 0);
    log_file.output.polled = true;
    for (unsigned i = 0; i < 50; i++)
        counted_alloc(i);
    memtrace_sink_poll();
    for (unsigned i = 50; i < 250; i++)
        counted_alloc(i);
    assertion();
}

/* What the recorder does for a ring that outlived the reset. */
static void reset(void)
{
    struct memtrace_header *before = memtrace_ring;
    ring_make(ring_bytes, 4096, 0);
    memtrace_ring->previous = (uintptr_t)before;
    assert(memtrace_sink_start(sink_memory, sizeof sink_memory, &log_file.output));
    here.context = (uintptr_t) "main";
    world_time = 5;
}

/* Events in the buffer and 200 in the ring when the assertion comes; the rest is written by the next start. */
static void run_restart(void)
{
    start(16384, 4096, 0);
    for (unsigned i = 0; i < 60; i++)
        counted_alloc(i);
    memtrace_sink_poll();
    counted_alloc(60);
    memtrace_sink_poll();
    for (unsigned i = 61; i < 250; i++)
        counted_alloc(i);
    assertion();
    printf("run 1\n");
    uint64_t there = log_file.length;
    reset();
    assert(log_file.length > there);
    for (unsigned i = 0; i < 20; i++)
        counted_alloc(i);
    memtrace_sink_flush();
}

/* The ring outlived the reset, the sink's memory did not. */
static void run_forgotten(void)
{
    start(16384, 4096, 64);
    for (unsigned i = 0; i < 900; i++)
        counted_alloc(i);
    assertion();
    printf("run 1\n");
    memset(sink_memory, 0xa5, sizeof sink_memory);
    log_file.length = log_file.part = 0;
    reset();
    counted_alloc(1);
    memtrace_sink_flush();
}

/* ---- a reset behind each instruction of a poll ---- */

enum { TRAP_FLAG = 0x100 };
static volatile uint32_t steps_left;

static void reset_there(int signal_number)
{
    (void)signal_number;
    if (steps_left != 0 && --steps_left == 0)
        siglongjmp(reset_vector, 1);
}

static void trap_set(bool on)
{
    __writeeflags(on ? __readeflags() | TRAP_FLAG : __readeflags() & ~(unsigned)TRAP_FLAG);
}

/* Runs whose second poll is cut short by a reset; how far into it grows. */
static void run_resets(void)
{
    struct sigaction action = {.sa_handler = reset_there, .sa_flags = SA_NODEFER};
    sigaction(SIGTRAP, &action, NULL);
    start(16384, 4096, 0);
    for (volatile unsigned round = 0; round < RESETS; round++) {
        for (unsigned i = 0; i < 8; i++)
            counted_alloc(i);
        memtrace_sink_poll();
        unsigned last = round % 5 == 4 ? 70 : 11; /* then the buffer is written in the middle of the poll */
        for (unsigned i = 8; i < last; i++)
            alloc(0x20000000 + i * 16, i, 0, 0x28000 + i * 256, 3); /* of a new stack */
        bool cut = sigsetjmp(reset_vector, 1) != 0;
        if (!cut) {
            log_file.dies = round % 5 == 4;
            steps_left = 1 + round * RESET_STEPS;
            trap_set(round % 5 != 4);
            memtrace_sink_poll();
            memtrace_sink_poll();
        }
        trap_set(false);
        log_file.dies = false;
        for (unsigned i = last; i < last + 4; i++) /* of another task's */
            counted_alloc(i);
        printf("run %u\n", round + 1);
        printf("cut %u\n", cut);
        entered = 0;
        reset();
    }
    memtrace_sink_flush();
}

/* ---- several contexts ---- */

static uint32_t size_of(uint32_t address)
{
    return (address >> 4) * 2654435761u >> 8;
}

static pthread_barrier_t barrier;
static volatile uint32_t working;

/* Every field of an event follows from its address. */
static void *thread_run(void *argument)
{
    static const char *const names[] = {"task 0", "task 1", "task 2", "task 3"};
    here.core = (unsigned)(uintptr_t)argument;
    here.context = (uintptr_t)names[here.core];
    pthread_barrier_wait(&barrier);
    for (uint32_t i = 0; i < PAIRS_A_THREAD; i++) {
        uint32_t address = 0x40000000u | here.core << 27 | i << 4;
        struct memtrace_caller caller = caller_deep(0x20000 + i % 7 * 256, 1 + i % 7);
        memtrace_alloc(caller, (void *)(uintptr_t)address, size_of(address), here.core);
        memtrace_free(caller, (void *)(uintptr_t)address, here.core);
        if (i % 16 == 0)
            __atomic_fetch_add(&world_time, i % 1024 == 0 ? 3000 : 1, __ATOMIC_RELAXED);
    }
    __atomic_fetch_sub(&working, 1, __ATOMIC_RELEASE);
    return NULL;
}

static void threads_run(size_t bytes)
{
    pthread_t threads[THREADS];
    start(bytes, 4096, 64);
    pthread_barrier_init(&barrier, NULL, THREADS);
    working = THREADS;
    for (uintptr_t i = 0; i < THREADS; i++)
        assert(pthread_create(&threads[i], NULL, thread_run, (void *)i) == 0);
    while (__atomic_load_n(&working, __ATOMIC_ACQUIRE) != 0)
        memtrace_sink_poll();
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    memtrace_sink_flush();
}

static void run_threads(void)
{
    threads_run(1 << 18);
}

/* So small that events are overwritten while they are read. */
static void run_threads_tiny(void)
{
    world_yields = true;
    threads_run(8192 * sizeof(void *) / 4);
}

static volatile uint32_t steps;

/* A clock that goes on by more than an event's own bits tell now and then, so that TIME records come between. */
static void interrupt(int signal_number)
{
    (void)signal_number;
    if (++steps % 1009 != 0)
        return;
    struct here interrupted = here;
    here.context = 1;
    world_time += steps % 3 == 0 ? 5000 : 1;
    uintptr_t pc = 0x50000;
    uintptr_t frame[4] = {0, pc, 0, 0};
    here.stack = (struct memtrace_span){(uintptr_t)frame, (uintptr_t)&frame[4]};
    memtrace_alloc((struct memtrace_caller){pc, (uintptr_t)frame}, (void *)(uintptr_t)(0x30000000 + steps * 16), steps,
                   1);
    here = interrupted;
}

/* An interrupt's event behind each 1009th instruction, of events and of polls. */
static void run_interrupts(void)
{
    signal(SIGTRAP, interrupt);
    start(1 << 14, 4096, 0);
    for (unsigned i = 0; i < 24; i++) {
        struct memtrace_caller caller = caller_deep(0x20000 + i % 5 * 256, 3);
        trap_set(true);
        memtrace_alloc(caller, (void *)(uintptr_t)(0x20000000 + i * 16), i + 1, 0);
        if (i % 8 == 0)
            memtrace_sink_poll();
        trap_set(false);
    }
    memtrace_sink_flush();
}

static void interrupt_in_between(void)
{
    struct here interrupted = here;
    uintptr_t frame[4] = {0, 0x50000, 0, 0};
    here.context = 1;
    here.stack = (struct memtrace_span){(uintptr_t)frame, (uintptr_t)&frame[4]};
    memtrace_alloc((struct memtrace_caller){0x50000, (uintptr_t)frame}, (void *)0x30000000, 77, 1);
    here = interrupted;
}

/* Not when the event asks who runs, but when it asks for its time. */
static void interrupt_next(void)
{
    world_interrupt = interrupt_in_between;
}

/* After a pause an interrupt comes between an event's number and its time: the interrupt's event has the SYNC, the other one a TIME record
 * of its own, behind both. */
static void run_told(void)
{
    start(16384, 4096, 0);
    for (unsigned i = 0; i < 300; i++) {
        counted_alloc(i);
        if (i % 7 != 3)
            continue;
        world_time += (uint64_t)(5000 + i)
                      << (memtrace_ring->time_bits - 12); /* what an event's own bits cannot tell */
        struct memtrace_caller caller = caller_deep(0x20000, 3);
        world_interrupt = interrupt_next;
        memtrace_alloc(caller, (void *)0x31000000, 5, 0);
        say("alloc", 0x31000000, 5, 0, 0x20000, 3);
        here.context = 1;
        say("alloc", 0x30000000, 77, 1, 0x50000, 1);
        here.context = (uintptr_t) "main";
        if (i % 3 == 0)
            memtrace_sink_poll();
    }
    memtrace_sink_flush();
}

/* ---- a dump ---- */

static bool dump_take(void *context, const void *bytes, size_t count)
{
    assert(context == &log_file && count % memtrace_ring->event_size == 0);
    if (log_file.length + count > log_file.most)
        return false;
    memcpy(log_file.bytes + log_file.length, bytes, count);
    log_file.length += count;
    return true;
}

static void run_dump(void)
{
    start(16384, 4096, 128);
    for (unsigned i = 0; i < 100; i++)
        alloc(0x50000000 + i * 16, i + 1, 4, 0x20000 + i % 3 * 16, 4);
    for (unsigned i = 0; i < 3000; i++)
        anything(24);
    mark("an end", 6);
    assertion();
    log_file.most = 900;
    CHECK(!memtrace_dump(dump_take, &log_file));
    log_file.most = OUTPUT_BYTES;
    log_file.length = 0;
    CHECK(memtrace_dump(dump_take, &log_file));
}

/* Whatever is not there, or too small, is refused. */
static void run_refusals(void)
{
    static struct memtrace_output output = {.write = output_write};
    CHECK(!memtrace_dump(dump_take, &log_file) && !memtrace_sink_start(sink_memory, SINK_BYTES, &output));
    memtrace_sink_poll();
    memtrace_sink_flush();
    assert(memtrace_sink_dropped() == 0);
    start(16384, 4096, 0);
    unsigned refused = 0;
    for (size_t bytes = 0; bytes < 2048; bytes += 8) {
        void *memory = malloc(bytes);
        bool made = memtrace_sink_start(memory, bytes, &output);
        refused += !made;
        assert(made || bytes < MEMTRACE_SINK_BYTES(4096, 1024));
        free(memory);
    }
    assert(refused > 100 && !memtrace_sink_start(NULL, SINK_BYTES, &output));
    assert(!memtrace_sink_start((char *)sink_memory + 4, SINK_BYTES - 8, &output));
    the_sink = NULL;
}

int main(int count, char **arguments)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } scenarios[] = {
        {"steady", run_steady},
        {"callers", run_callers},
        {"overrun", run_overrun},
        {"busy", run_busy},
        {"full", run_full},
        {"parts", run_parts},
        {"limit", run_limit},
        {"stops", run_stops},
        {"stuck", run_stuck},
        {"polled", run_polled},
        {"restart", run_restart},
        {"forgotten", run_forgotten},
        {"resets", run_resets},
        {"threads", run_threads},
        {"threads-tiny", run_threads_tiny},
        {"told", run_told},
        {"interrupts", run_interrupts},
        {"dump", run_dump},
        {"refusals", run_refusals},
    };
    assert(count == 4);
    world_time = 5;
    world_code = (struct memtrace_span){0x1000, 0x100000};
    for (unsigned i = 0; i < sizeof scenarios / sizeof *scenarios; i++) {
        if (strcmp(scenarios[i].name, arguments[1]) != 0)
            continue;
        scenarios[i].run();
        file_write(arguments[2], log_file.bytes, (size_t)log_file.length);
        file_write(arguments[3], ring_memory, ring_bytes);
        printf("ring %" PRIuPTR "\n", (uintptr_t)ring_memory);
        return 0;
    }
    return 2;
}
