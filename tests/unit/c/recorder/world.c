/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>

_Thread_local struct here here;
uint64_t world_time;
uint64_t world_step;
_Thread_local void (*world_interrupt)(void);
bool world_yields;
struct world_faults world_faults;
struct memtrace_span world_code = {CODE, CODE_END};
const char world_tasks[WORLD_TASKS][16];

static _Thread_local _Alignas(16) uintptr_t frames[STACK_WORDS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned locks_held;
static void *memory;

enum { LOCK_INSIDE = 77, LOCK_OUTSIDE = 78 }; /* an interrupt, or what it may interrupt */

/* Where the recorder asks, it stands between two steps. */
static void come_between(void)
{
    void (*interrupt)(void) = world_interrupt;
    world_interrupt = NULL;
    if (interrupt != NULL)
        interrupt();
    static _Thread_local uint32_t asked;
    if (world_yields && (asked += 2654435761u) >> 27 == 0)
        (void)sched_yield();
}

void world_between(void)
{
    static _Thread_local uint32_t steps;
    if (world_yields && ++steps % 8 == 0)
        (void)sched_yield();
}

unsigned memtrace_port_core(void)
{
    come_between();
    return here.core;
}

uint64_t memtrace_port_time_full(void)
{
    uint64_t now = world_step == 0 ? __atomic_load_n(&world_time, __ATOMIC_RELAXED)
                                   : __atomic_add_fetch(&world_time, world_step, __ATOMIC_RELAXED);
    come_between();
    return now + here.ahead;
}

uint32_t memtrace_port_time(void)
{
    return (uint32_t)memtrace_port_time_full() + (world_faults.low_half ? 1000u : 0u);
}

uintptr_t memtrace_port_context(void)
{
    come_between();
    return here.context;
}

const char *memtrace_port_task_name(uintptr_t handle)
{
    static _Thread_local char name[32];
    if (world_faults.name_allocates)
        memtrace_alloc(MEMTRACE_CALLER(), name, sizeof name, 0);
    if (handle - TASK(0) >= sizeof world_tasks)
        return (const char *)handle;
    uintptr_t number = (handle - TASK(0)) / sizeof world_tasks[0];
    if (number % 8 == 7)
        return NULL;
    snprintf(name, sizeof name, "task %lu", (unsigned long)number);
    return name;
}

struct memtrace_span memtrace_port_stack(void)
{
    return here.stack;
}

bool memtrace_port_is_code(uintptr_t pc)
{
    return (uint32_t)pc >= world_code.low && (uint32_t)pc < world_code.high;
}

/* Interrupts off, and no other core: what a port of a chip without atomics does. */
uintptr_t memtrace_port_lock(void)
{
    sigset_t interrupt;
    sigset_t before;
    come_between();
    sigemptyset(&interrupt);
    sigaddset(&interrupt, WORLD_INTERRUPT);
    CHECK(pthread_sigmask(world_faults.lock_holds_nothing ? SIG_UNBLOCK : SIG_BLOCK, &interrupt, &before) == 0);
    CHECK(pthread_mutex_lock(&lock) == 0);
    CHECK(locks_held == 0);
    locks_held++;
    return sigismember(&before, WORLD_INTERRUPT) ? LOCK_INSIDE : LOCK_OUTSIDE;
}

void memtrace_port_unlock(uintptr_t saved)
{
    sigset_t interrupt;
    sigemptyset(&interrupt);
    sigaddset(&interrupt, WORLD_INTERRUPT);
    CHECK((saved == LOCK_INSIDE || saved == LOCK_OUTSIDE) && locks_held == 1);
    locks_held--;
    CHECK(pthread_mutex_unlock(&lock) == 0);
    if ((saved == LOCK_OUTSIDE && !world_faults.lock_stays) || world_faults.lock_opens_all)
        CHECK(pthread_sigmask(SIG_UNBLOCK, &interrupt, NULL) == 0);
}

void memtrace_port_build_id(uint8_t out[20])
{
    memset(out, 0xb1, world_faults.build_id ? 24 : 20);
}

void *ring_start(size_t bytes, const struct memtrace_config *config)
{
    ring_end();
    memory = malloc(bytes);
    CHECK(memory != NULL);
    memset(memory, 0xa5, bytes);
    return memtrace_init(memory, bytes, config) ? memory : NULL;
}

void ring_start_default(void)
{
    CHECK(ring_start(RING_BYTES, NULL) != NULL);
}

void ring_start_events(uint32_t events)
{
    struct memtrace_config config = {.stack_bytes = 1024, .names = 16};
    CHECK(ring_start(RING_BYTES, &config) != NULL);
    size_t spare = memtrace_ring->events.count - events;
    CHECK(ring_start(RING_BYTES - spare * memtrace_ring->event_size, &config) != NULL);
    CHECK(memtrace_ring->events.count == events);
}

void ring_end(void)
{
    memtrace_ring = NULL;
    free(memory);
    memory = NULL;
}

/* A frame is two words: the next frame, and the return address of the function whose frame it is. pcs[0] is the caller's own,
 * which the recorder gets from the compiler; the first frame is that of the allocator's entry. */
struct memtrace_caller stack_of(const uintptr_t *pcs, unsigned depth)
{
    memset(frames, 0, sizeof frames);
    for (unsigned i = 0; i < depth; i++) {
        frames[4 * i] = i + 1 < depth ? (uintptr_t)&frames[4 * (i + 1) + FRAME_WORDS_BELOW] : 0;
        frames[4 * i + 1] = pcs[i];
    }
    here.stack = (struct memtrace_span){(uintptr_t)frames, (uintptr_t)&frames[STACK_WORDS]};
    return (struct memtrace_caller){pcs[0], (uintptr_t)&frames[FRAME_WORDS_BELOW]};
}

struct memtrace_caller caller_at(uintptr_t number)
{
    uintptr_t pc = CODE + number;
    return stack_of(&pc, 1);
}

void *block_at(uintptr_t number)
{
    return (void *)(0x40000000u + number * 16);
}
