/* SPDX-License-Identifier: Apache-2.0
 *
 * The recorder on the host: `books SCENARIO FILE` runs one scenario, writes the ring's bytes to FILE, and prints what
 * it asked the recorder to record, a line each. tests/unit/test_recorder_books.py compares the two.
 *
 *     KIND ADDRESS SIZE HEAP TASK CORE TIME PC,PC...      numbers decimal; size, pcs and task as the event must have them
 *     times KIND ADDRESS BEFORE AFTER                     the clock when it was asked for, and when that was done
 */
#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <x86intrin.h>

#include "memtrace.h"
#include "world.h"

enum { FRAMES = 40, THREADS = 4 };

#ifndef PAIRS_A_THREAD
#define PAIRS_A_THREAD 125000
#endif

static char *ring_memory;
static size_t ring_bytes;
static struct memtrace_header *header;
static uint32_t random_state = 1;

/* A chain of frames as arch/x86.h reads it: the next frame, the PC. */
static _Thread_local uintptr_t frames[FRAMES][2];

static uint32_t random_below(uint32_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state % limit;
}

static void books_start(size_t bytes, size_t stack_bytes, unsigned names, unsigned live)
{
    struct memtrace_config config = {stack_bytes, names, live};
    ring_bytes = bytes;
    assert(posix_memalign((void **)&ring_memory, 16, bytes) == 0);
    assert(memtrace_init(ring_memory, bytes, &config));
    header = memtrace_ring;
    assert((char *)header == ring_memory);
}

static void stack_bounds(void)
{
    here.stack.low = (uintptr_t)&frames[0];
    here.stack.high = (uintptr_t)&frames[FRAMES];
}

/* The caller whose stack is `depth` PCs from `first` on, `step` apart. */
static struct memtrace_caller chain(uintptr_t first, unsigned depth, uintptr_t step)
{
    for (unsigned i = 0; i < depth; i++) {
        frames[i][0] = i + 1 < depth ? (uintptr_t)&frames[i + 1] : 0;
        frames[i][1] = first + i * step;
    }
    stack_bounds();
    return (struct memtrace_caller){first, (uintptr_t)&frames[0]};
}

static void say(const char *kind, uintptr_t address, size_t size, unsigned heap, uintptr_t first, unsigned depth,
                uintptr_t step)
{
    const char *task = here.context == 0   ? "(start-up)"
                       : here.context == 1 ? "(interrupt)"
                                           : (const char *)here.context;
    printf("%s %" PRIuPTR " %zu %u %s %u %" PRIu64 " ", kind, address, size, heap, task, here.core, world_time);
    for (unsigned i = 0; i < depth; i++)
        printf("%s%" PRIuPTR, i != 0 ? "," : "", first + i * step);
    printf("\n");
}

static void ring_write(const char *path)
{
    FILE *file = fopen(path, "wb");
    assert(file != NULL);
    assert(fwrite(ring_memory, 1, ring_bytes, file) == ring_bytes);
    fclose(file);
    printf("ring %" PRIuPTR "\n", (uintptr_t)ring_memory);
}

static void alloc(uintptr_t address, size_t size, unsigned heap, uintptr_t first, unsigned depth, uintptr_t step)
{
    memtrace_alloc(chain(first, depth, step), (void *)address, size, heap);
    say(address != 0 ? "alloc" : "alloc-failed", address, size, heap, first, depth, step);
}

static void release(uintptr_t address, unsigned heap, uintptr_t first, unsigned depth, uintptr_t step)
{
    memtrace_free(chain(first, depth, step), (void *)address, heap);
    say("free", address, 0, heap, first, depth, step);
}

static void resize(uintptr_t old, uintptr_t new, size_t size, unsigned heap, uintptr_t first, unsigned depth)
{
    struct memtrace_realloc begun = memtrace_realloc_begin(chain(first, depth, 16), (void *)old, size, heap);
    say("realloc-begin", old, size, heap, first, depth, 16);
    memtrace_realloc_end(begun, (void *)old, (void *)new, size, heap);
    say("realloc-end", new, size, heap, 0, 0, 0);
}

/* The example of docs/reference/format.md: one of each. */
static void run_kinds(void)
{
    books_start(256 * sizeof(void *) + (MEMTRACE_QUICK ? 64 * sizeof(void *) : 0), 64 * sizeof(void *), 5, 0);
    here.context = (uintptr_t) "main";
    alloc(0x20000010, 100, 1, 0x4000, 3, 16);
    world_time += 3;
    release(0x20000010, 1, 0x5000, 2, 16);
    resize(0x20000100, 0x20000200, 33u << 20, 2, 0x4100, 1);
    here.core = 1;
    here.context = 1;
    alloc(0, 1u << 20, 31, 0x4000, 3, 16);
    memtrace_mark("lap 2");
    say("mark", 3 + 1, 0, 0, 0, 0, 0);
    memtrace_assert_failed(chain(0x6000, 2, 16), "!block_is_free(block)", 812, "tlsf_free");
    say("assert", 0, 812, 0, 0x6000, 2, 16);
}

/* Two modules, of which one has a name, and heaps, of which one has. */
static void run_modules(void)
{
    books_start(16384, 0, 0, 64);
    here.context = (uintptr_t) "main";
    assert(memtrace_name_tag(7, "network") && memtrace_name_tag(8, ""));
    assert(memtrace_name_heap(1, "first", MEMTRACE_MEMORY_UNKNOWN, 0));
    assert(memtrace_name_heap(1, "PSRAM", MEMTRACE_MEMORY_EXTERNAL, 0x80000400));
    alloc(0x20000010, 100, 1, 0x4000, 3, 16);
    unsigned before = memtrace_tag(7);
    alloc(0x20000100, 200, 1, 0x4000, 3, 16);
    alloc(0x20000200, 300, 2, 0x4000, 3, 16);
    resize(0x20000200, 0x20000300, 400, 2, 0x4100, 1);
    (void)memtrace_tag(9);
    release(0x20000010, 1, 0x5000, 2, 16);
    (void)memtrace_tag(before);
    alloc(0x20000400, 500, 0, 0x4000, 3, 16);
}

/* A run that ends in an assertion, and the one behind it: the memory outlives the reset. */
static void run_retained(void)
{
    ring_bytes = 16384;
    assert(posix_memalign((void **)&ring_memory, 16, ring_bytes) == 0);
    memset(ring_memory, 0xa5, ring_bytes);
    here.context = (uintptr_t) "main";
    assert(memtrace_init_retained(ring_memory, ring_bytes, NULL));
    (void)memtrace_name_tag(7, "network");
    alloc(0x20000010, 100, 1, 0x4000, 3, 16);
    alloc(0x20000100, 200, 1, 0x4000, 3, 16);
    release(0x20000010, 1, 0x5000, 2, 16);
    memtrace_mark("before");
    say("mark", MEMTRACE_CONTEXT_FIRST_TASK + 2, 0, 0, 0, 0, 0);
    alloc(0x20000200, 300, 1, 0x4000, 3, 16);
    memtrace_assert_failed(chain(0x6000, 2, 16), "!block_is_free(block)", 812, "tlsf_free");
    say("assert", 0, 812, 0, 0x6000, 2, 16);
    memtrace_ring = NULL;
    assert(memtrace_init_retained(ring_memory, ring_bytes, NULL));
    memtrace_alloc(chain(0x7000, 2, 16), (void *)0x20000010, 55, 1);
    printf("current %" PRIuPTR "\n", (uintptr_t)memtrace_ring);
}

/* Laps of events that are forgotten, at a time that only they tell in full; then what counts. */
static void run_reset(void)
{
    books_start(8192, 1024, 5, 16);
    here.context = (uintptr_t) "main";
    world_time = 70000;
    for (unsigned i = 0; i < 1000; i++)
        memtrace_alloc(chain(0x4000, 3, 16), (void *)(uintptr_t)(0x20000010 + 16 * (i % 30)), i, 1);
    memtrace_assert_failed(chain(0x6000, 2, 16), "!block_is_free(block)", 812, "tlsf_free");
    memtrace_reset();
    world_time += 9;
    alloc(0x20000100, 200, 1, 0x4000, 3, 16);
    release(0x20000100, 1, 0x5000, 2, 16);
    alloc(0x20000200, 300, 1, 0x4000, 3, 16);
}

/* Everything at random over many laps, times in small and long steps. */
static void run_random(void)
{
    static const char *const tasks[] = {"main", "wifi", "a name of just 20 b"};
    books_start(16384, 6000, 8, 0);
    for (unsigned i = 0; i < 60000; i++) {
        uintptr_t address = 0x20000000 + random_below(1000) * 16;
        uintptr_t first = 0x2000 + random_below(8) * 4;
        unsigned depth = 1 + random_below(16);
        uint32_t what = random_below(8);
        unsigned who = random_below(5);
        here.context = who < 3 ? (uintptr_t)tasks[who] : who - 3u;
        here.core = random_below(8);
        world_time += random_below(20) == 0 ? random_below(100000) : random_below(8);
        if (random_below(2000) == 0)
            world_time += (uint64_t)random_below(1000) << 30;
        if (what < 4)
            alloc(address, random_below(1u << 20), random_below(32), first, depth, 64);
        else if (what < 7)
            release(address, random_below(32), first, depth, 64);
        else
            resize(address, random_below(4) == 0 ? 0 : address + 16, random_below(5000) + 1, random_below(32), first,
                   depth);
    }
}

/* Stacks that differ in one PC only, in a table whose index has few words; twice, so that all are found again. */
static void run_stacks(void)
{
    books_start(65536, 20000, 4, 0);
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 400; i++)
            alloc(0x20000000 + i * 16, 1, 0, 0x2000 + i * 2, 1 + i % 6, 32);
    }
    alloc(0x20000000, 2, 0, 0x3000, 16, 32);
    alloc(0x20000000, 3, 0, 0x3000, 16, 32);
}

/* PCs whose product with the hash's factor differs by 1: one hash value, one list, and only the full comparison parts them. */
static void run_collision(void)
{
    uint32_t inverse = 1;
    for (unsigned i = 0; i < 5; i++)
        inverse *= 2u - 2654435761u * inverse;
    assert(inverse * 2654435761u == 1);
    books_start(8192, 1024, 4, 0);
    for (unsigned i = 0; i < 20; i++)
        alloc(0x20000000 + i % 5, 1, 0, 0x1000 + (uint32_t)(i % 5 * inverse), 1, 0);
}

/* More stacks than the table has room for. */
static void run_stacks_full(void)
{
    books_start(16384, 64 * sizeof(void *), 4, 0);
    for (unsigned i = 0; i < 60; i++)
        alloc(0x20000000 + i * 16, 1, 0, 0x2000 + i * 2, 1, 0);
}

/* Chains that are none: they end where the next frame cannot be one, and deep ones at 16. */
static void run_chains(void)
{
    books_start(16384, 4096, 4, 0);
    here.context = 0;
    struct memtrace_caller caller = chain(0x2000, 20, 16);
    for (unsigned i = 0; i < 2; i++) {
        memtrace_alloc(caller, (void *)16, 1, 0);
        say("alloc", 16, 1, 0, 0x2000, 16, 16);
    }
    const uintptr_t bad[] = {0,
                             1,
                             (uintptr_t)&frames[1][0] + 1,
                             (uintptr_t)&frames[FRAMES],
                             (uintptr_t)&frames[0],
                             (uintptr_t)&frames[1],
                             UINTPTR_MAX};
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        caller = chain(0x2000, 5, 16);
        frames[1][0] = bad[i];
        memtrace_alloc(caller, (void *)32, 1, 0);
        say("alloc", 32, 1, 0, 0x2000, 2, 16);
    }
    caller = chain(0x2000, 5, 16);
    frames[2][1] = 0xdead0000; /* no code */
    memtrace_alloc(caller, (void *)48, 1, 0);
    say("alloc", 48, 1, 0, 0x2000, 2, 16);
    here.stack.low = (uintptr_t)&frames[1]; /* the first frame is not in the stack that the port tells of */
    memtrace_alloc(chain(0x2000, 1, 16), (void *)64, 1, 0);
    caller = chain(0x2000, 5, 16);
    here.stack.low = (uintptr_t)&frames[1];
    memtrace_free(caller, (void *)64, 0);
    say("alloc", 64, 1, 0, 0x2000, 1, 16);
    say("free", 64, 0, 0, 0x2000, 1, 16);
}

/* A ring of eight events, through every wrap of the lap's field and of its upper part. */
static void run_laps(void)
{
    size_t bytes = 512;
    struct memtrace_config config = {64 * sizeof(void *), 3, 0};
    for (;; bytes += 16) {
        ring_bytes = bytes;
        assert(posix_memalign((void **)&ring_memory, 16, ring_bytes) == 0);
        if (memtrace_init(ring_memory, ring_bytes, &config))
            break;
        free(ring_memory);
    }
    header = memtrace_ring;
    assert(header->events.count == 8);
    for (uint32_t i = 0; i < 200003; i++)
        memtrace_free(chain(0x2000 + i % 3 * 2, 1, 0), (void *)(uintptr_t)(i + 1), 0);
}

static void run_filters(void)
{
    uintptr_t tasks[] = {(uintptr_t) "wanted"};
    books_start(16384, 2048, 8, 0);
    here.context = (uintptr_t) "main";
    memtrace_filter_size(64);
    memtrace_alloc(chain(0x2000, 1, 0), (void *)16, 63, 0);
    alloc(32, 64, 0, 0x2000, 1, 0);
    release(16, 0, 0x2000, 1, 0);
    memtrace_filter_size(0);
    memtrace_filter_heaps(1u << 5);
    memtrace_alloc(chain(0x2000, 1, 0), (void *)48, 1, 4);
    memtrace_alloc(chain(0x2000, 1, 0), NULL, 1, 4);
    alloc(48, 1, 5, 0x2000, 1, 0);
    resize(48, 64, 10, 4, 0x2000, 1);
    memtrace_filter_heaps(UINT32_MAX);
    memtrace_filter_tasks(tasks, 1);
    memtrace_alloc(chain(0x2000, 1, 0), (void *)80, 1, 0);
    here.context = tasks[0];
    alloc(96, 1, 0, 0x2000, 1, 0);
    here.context = (uintptr_t) "main";
    release(96, 0, 0x2000, 1, 0);
    memtrace_filter_tasks(NULL, 0);
    alloc(112, 1, 0, 0x2000, 1, 0);
}

static void ask(uint32_t request)
{
    *(volatile uint32_t *)&header->request = request;
}

/* What a host does: it only writes memory. What came before a start after a stop is told no more. */
static void run_requests(void)
{
    books_start(16384, 2048, 8, 0);
    memtrace_alloc(chain(0x2000, 1, 0), (void *)16, 1, 0);
    ask(MEMTRACE_REQUEST_STOP);
    memtrace_alloc(chain(0x2000, 1, 0), (void *)32, 1, 0);
    memtrace_free(chain(0x2000, 1, 0), (void *)32, 0);
    assert(header->request_done == 1 && header->request == MEMTRACE_REQUEST_OFF && memtrace_is_off());
    ask(MEMTRACE_REQUEST_FREES_ONLY);
    say("control", MEMTRACE_STOPPED << MEMTRACE_CONTROL_BEFORE_SHIFT | MEMTRACE_FREES_ONLY, 0, 0, 0, 0, 0);
    memtrace_alloc(chain(0x2000, 1, 0), (void *)48, 1, 0);
    release(48, 0, 0x2000, 1, 0);
    memcpy(header->request_name, "a mark of twenty chr", sizeof header->request_name);
    ask(MEMTRACE_REQUEST_MARK);
    say("mark", 3, 0, 0, 0, 0, 0);
    release(64, 0, 0x2000, 1, 0);
    ask(MEMTRACE_REQUEST_START);
    say("control", MEMTRACE_FREES_ONLY << MEMTRACE_CONTROL_BEFORE_SHIFT | MEMTRACE_RECORDING, 0, 0, 0, 0, 0);
    alloc(80, 1, 0, 0x2000, 1, 0);
    assert(header->request_done == 4 && header->request == 0);
    ask(0x7777); /* nonsense does nothing, and is counted */
    alloc(96, 1, 0, 0x2000, 1, 0);
    assert(header->request_done == 5 && header->request == 0);
    memtrace_stop();
    say("control", MEMTRACE_STOPPED, 0, 0, 0, 0, 0);
    memtrace_mark("unseen");
}

/* More blocks than the table has room for, each way a block can leave it, and what is left. */
static void run_live(void)
{
    books_start(65536, 2048, 8, 64);
    here.context = (uintptr_t) "main";
    for (unsigned i = 0; i < 200; i++)
        alloc(0x20000000 + i * 16, i, i % 32, 0x2000, 1, 0);
    printf("overflow %u\n", header->live_full);
    for (unsigned i = 0; i < 200; i += 2)
        release(0x20000000 + i * 16, 0, 0x2000, 1, 0);
    for (unsigned i = 1; i < 200; i += 4)
        resize(0x20000000 + i * 16, 0x30000000 + i * 16, 7, 3, 0x2000, 1);
    resize(0x20000000 + 3 * 16, 0, 7, 3, 0x2000, 1);
}

static void run_names(void)
{
    static char names[12][32];
    books_start(16384, 2048, 6, 0);
    for (unsigned i = 0; i < 3; i++) {
        snprintf(names[i], sizeof names[i], "task %u", i);
        here.context = (uintptr_t)names[i];
        alloc(16, i, 0, 0x2000, 1, 0);
    }
    for (unsigned i = 3; i < 5; i++) {
        snprintf(names[i], sizeof names[i], "task %u", i);
        here.context = (uintptr_t)names[i];
        memtrace_alloc(chain(0x2000, 1, 0), (void *)16, i, 0);
        here.context = (uintptr_t) "(unnamed task)";
        say("alloc", 16, i, 0, 0x2000, 1, 0);
    }
    here.context = 0;
    memtrace_mark("no room");
    say("mark", 2, 0, 0, 0, 0, 0);
    memtrace_task_deleted((uintptr_t)names[1]); /* another task gets its memory, and another name */
    strcpy(names[1], "new");
    here.context = (uintptr_t)names[1];
    memtrace_alloc(chain(0x2000, 1, 0), (void *)16, 9, 0);
    here.context = (uintptr_t) "(unnamed task)";
    say("alloc", 16, 9, 0, 0x2000, 1, 0);
    strcpy(names[7], "task 1"); /* a task of the deleted one's name gets its entry back */
    here.context = (uintptr_t)names[7];
    alloc(16, 10, 0, 0x2000, 1, 0);
}

/* Too small, too large, misaligned, and every size up to a page in memory of just that size. */
static void run_init(void)
{
    static uint64_t aligned[512];
    struct memtrace_caller caller = chain(0x2000, 3, 16);
    memtrace_alloc(caller, (void *)16, 1, 0);
    memtrace_free(caller, (void *)16, 0);
    memtrace_realloc_end(memtrace_realloc_begin(caller, (void *)16, 1, 0), (void *)16, (void *)16, 1, 0);
    memtrace_mark("early");
    memtrace_start();
    memtrace_task_deleted(77);
    memtrace_filter_size(7);
    memtrace_filter_heaps(7);
    memtrace_filter_tasks(NULL, 0);
    memtrace_assert_failed(caller, "early", 1, "early");
    assert(memtrace_ring == NULL);
    assert(!memtrace_init(NULL, 4096, NULL) && !memtrace_init((char *)aligned + 4, 4000, NULL));
    const struct memtrace_config configs[] = {
        {0, 0, 0},   {64 * sizeof(void *), 3, 0}, {512, 4, 8}, {1024, 250, 0},    {SIZE_MAX, 0, 0}, {0, 2, 0},
        {0, 251, 0}, {0, 0, UINT32_MAX},          {1, 0, 0},   {0, UINT32_MAX, 0}};
    for (unsigned i = 0; i < sizeof configs / sizeof configs[0]; i++) {
        unsigned made = 0;
        for (size_t bytes = 0; bytes < 4096; bytes += bytes % 64 == 0 ? 1 : 7) {
            void *memory = malloc(bytes);
            bool ok = memtrace_init(memory, bytes, &configs[i]);
            assert(ok == (memtrace_ring != NULL));
            made += ok;
            for (unsigned n = 0; ok && n < 300; n++)
                memtrace_alloc(chain(0x2000 + n % 70 * 2, 1 + n % 16, 16), (void *)(uintptr_t)(16 + n % 30 * 16), n, 0);
            free(memory);
            memtrace_ring = NULL;
        }
        assert((made > 0) == (i < 3));
    }
    books_start(((size_t)1 << 24), 1 << 20, 16, 0);
    assert(header->events.count < 1 << 19 && header->total_size <= (sizeof(void *) == 8 ? 1 << 24 : 1 << 23));
}

static uint32_t thread_size(uint32_t address)
{
    return (address >> 4) * 2654435761u >> 8;
}

/* The clock around both of a pair's calls, as far as somebody reads it afterwards. */
struct pair_times {
    uint32_t address;
    uint64_t at[3];
};

static uint64_t clock_now(void)
{
    return __atomic_load_n(&world_time, __ATOMIC_RELAXED);
}

/* Every field of an event follows from its address: core, interrupt, number. */
static void pair_issue(unsigned core, unsigned interrupt, uint32_t number, struct pair_times *times)
{
    uint32_t address = 0x40000000u | core << 27 | interrupt << 26 | (number & 0xfffff) << 4;
    /* Interrupts call from elsewhere, so that a task's quick way is not spoilt by them. */
    struct memtrace_caller caller = {0x2000 + interrupt * 0x80 + (number % 7) * 4, (uintptr_t)&frames[number % 7 == 0]};
    times->address = address;
    times->at[0] = clock_now();
    memtrace_alloc(caller, (void *)(uintptr_t)address, thread_size(address), core * 2 + interrupt);
    times->at[1] = clock_now();
    memtrace_free(caller, (void *)(uintptr_t)address, core * 2 + interrupt);
    times->at[2] = clock_now();
}

static pthread_barrier_t start;

static void *thread_run(void *argument)
{
    static const char *const names[] = {"task 0", "task 1", "task 2", "task 3"};
    here.core = (unsigned)(uintptr_t)argument;
    here.context = (uintptr_t)names[here.core];
    (void)chain(0x3000, 3, 16);
    pthread_barrier_wait(&start);
    for (uint32_t i = 0; i < PAIRS_A_THREAD; i++) {
        struct pair_times unread;
        pair_issue(here.core, 0, i, &unread);
        if (i % 16 == 0)
            __atomic_fetch_add(&world_time, 1, __ATOMIC_RELAXED);
    }
    return NULL;
}

static void threads_run(size_t bytes)
{
    pthread_t threads[THREADS];
    books_start(bytes, 4096, 16, 0);
    pthread_barrier_init(&start, NULL, THREADS);
    for (uintptr_t i = 0; i < THREADS; i++)
        assert(pthread_create(&threads[i], NULL, thread_run, (void *)i) == 0);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    printf("issued %d\n", THREADS * PAIRS_A_THREAD * 2);
}

static void run_threads(void)
{
    threads_run(1 << 20);
}

/* So small that writers meet in a slot. */
static void run_threads_tiny(void)
{
    threads_run(8192);
}

enum { TRAP_FLAG = 0x100, STRIDE = 17, ROUNDS = 12, PAIRS_MAX = 1 << 16 };

static volatile uint32_t interrupts;
static volatile uint32_t
    steps; /* instructions that have run, counted so that an interrupt comes at each multiple of STRIDE */
static struct pair_times pairs_done[PAIRS_MAX]; /* of the task, then of the interrupts */

/* The clock goes on by about as much as an event's own bits tell: sometimes before an interrupt's events, so that the task goes on
 * behind a SYNC, and seldom after them, so that it is the task that must write one. */
static void clock_jump(uint32_t seldom)
{
    static const uint32_t jumps[] = {1000, 2047, 2048, 3071, 4096, 5000, 70000};
    if (interrupts % seldom == 0)
        world_time += (uint64_t)jumps[interrupts / seldom % (sizeof jumps / sizeof *jumps)] << (header->time_bits - 12);
}

static void interrupt(int signal_number)
{
    uintptr_t interrupted = here.context;
    (void)signal_number;
    if (++steps % STRIDE != 0)
        return;
    here.context = 1;
    clock_jump(19);
    assert(STRIDE * ROUNDS + interrupts < PAIRS_MAX);
    pair_issue(0, 1, interrupts, &pairs_done[STRIDE * ROUNDS + interrupts]);
    clock_jump(97);
    interrupts++;
    here.context = interrupted;
}

/* By the processor's trap flag, a signal after each instruction: no clock decides where an interrupt comes, nor how many. */
static void pair_interrupt(uint32_t number, uint32_t first)
{
    steps = STRIDE - 1 - first;
    __writeeflags(__readeflags() | TRAP_FLAG);
    pair_issue(0, 0, number, &pairs_done[number]);
    __writeeflags(__readeflags() & ~(unsigned)TRAP_FLAG);
}

/* Pairs with an interrupt behind every STRIDE-th instruction, from each of the first STRIDE on; and again. */
static void interrupts_run(size_t bytes)
{
    books_start(bytes, 4096, 16, 0);
    here.context = (uintptr_t) "task 0";
    (void)chain(0x3000, 3, 16);
    signal(SIGTRAP, interrupt);
    for (uint32_t pairs = 0; pairs < STRIDE * ROUNDS; pairs++)
        pair_interrupt(pairs, pairs % STRIDE);
    for (const struct pair_times *pair = pairs_done; pair->address != 0; pair++) {
        printf("times alloc %u %" PRIu64 " %" PRIu64 "\n", pair->address, pair->at[0], pair->at[1]);
        printf("times free %u %" PRIu64 " %" PRIu64 "\n", pair->address, pair->at[1], pair->at[2]);
    }
    printf("issued %u\ninterrupts %u\n", (STRIDE * ROUNDS + interrupts) * 2, interrupts);
}

static void run_interrupts(void)
{
    interrupts_run(1 << 21);
}

/* A ring that wraps a few times. */
static void run_interrupts_wrap(void)
{
    interrupts_run(1 << 16);
}

static volatile uint32_t steps_left;

static void assert_there(int signal_number)
{
    (void)signal_number;
    if (--steps_left == 0)
        memtrace_assert_failed(chain(0x6000, 2, 16), "in between", 9, "interrupt");
}

static void free_once(void)
{
    memtrace_free(chain(0x2000, 1, 0), (void *)16, 0);
}

static void mark(void)
{
    memtrace_mark("a mark");
}

static void filter_off(void)
{
    memtrace_filter_size(0);
}

/* With an assertion behind the step-th instruction of `call`; false: it has fewer. What is frozen stays so. */
static bool freeze_at(uint32_t step, void (*call)(void), uint32_t request, enum memtrace_state before)
{
    books_start(8192, 1024, 8, 0);
    if (before == MEMTRACE_STOPPED)
        memtrace_stop();
    if (request != 0)
        ask(request);
    steps_left = step;
    __writeeflags(__readeflags() | TRAP_FLAG);
    call();
    __writeeflags(__readeflags() & ~(unsigned)TRAP_FLAG);
    bool came = header->assert_line == 9;
    uint32_t head = header->head;
    for (unsigned i = 0; came && i < 5; i++)
        free_once();
    if (came && (header->state != MEMTRACE_FROZEN || header->head != head || header->request != 0u - MEMTRACE_FROZEN)) {
        fprintf(stderr, "step %u: state %u, request %u, %u events after\n", step, header->state, header->request,
                header->head - head);
        exit(1);
    }
    free(ring_memory);
    return came;
}

/* An assertion in an interrupt behind each instruction of what opens or closes the gate. */
static void run_freezes(void)
{
    static const struct {
        void (*call)(void);
        uint32_t request;
        enum memtrace_state before;
    } cases[] = {
        {mark, 0, MEMTRACE_RECORDING},
        {memtrace_start, 0, MEMTRACE_RECORDING},
        {memtrace_start, 0, MEMTRACE_STOPPED},
        {memtrace_stop, 0, MEMTRACE_RECORDING},
        {memtrace_frees_only, 0, MEMTRACE_RECORDING},
        {filter_off, 0, MEMTRACE_RECORDING},
        {free_once, MEMTRACE_REQUEST_MARK, MEMTRACE_RECORDING},
        {free_once, MEMTRACE_REQUEST_STOP, MEMTRACE_RECORDING},
        {free_once, MEMTRACE_REQUEST_START, MEMTRACE_STOPPED},
    };
    uint32_t placed = 0;
    signal(SIGTRAP, assert_there);
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (uint32_t step = 1; freeze_at(step, cases[i].call, cases[i].request, cases[i].before); step++)
            placed++;
    }
    books_start(8192, 1024, 8, 0);
    printf("placed %u\n", placed);
}

int main(int count, char **arguments)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } scenarios[] = {
        {"kinds", run_kinds},
        {"random", run_random},
        {"stacks", run_stacks},
        {"collision", run_collision},
        {"stacks-full", run_stacks_full},
        {"chains", run_chains},
        {"laps", run_laps},
        {"filters", run_filters},
        {"requests", run_requests},
        {"live", run_live},
        {"names", run_names},
        {"modules", run_modules},
        {"retained", run_retained},
        {"reset", run_reset},
        {"init", run_init},
        {"threads", run_threads},
        {"threads-tiny", run_threads_tiny},
        {"interrupts", run_interrupts},
        {"freezes", run_freezes},
        {"interrupts-wrap", run_interrupts_wrap},
    };
    assert(count == 3);
    world_time = 5;
    world_code = (struct memtrace_span){0x1000, 0x100000};
    for (unsigned i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++) {
        if (strcmp(scenarios[i].name, arguments[1]) != 0)
            continue;
        scenarios[i].run();
        ring_write(arguments[2]);
        return 0;
    }
    return 2;
}
