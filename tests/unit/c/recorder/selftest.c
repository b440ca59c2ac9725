/* SPDX-License-Identifier: Apache-2.0
 *
 * `selftest [PROMISE]` runs the ports' self-test on this port, made real as far as a process can: a clock that runs, the thread's
 * own stack, the program's own code, signals for interrupts, a thread for another core. PROMISE breaks one. Prints the number of the
 * promise that was found broken, and its sentence.
 */
#include "memtrace_port_selftest.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "world.h"

enum { STACK_SPAN = 64 * 1024, BUILT_BROKEN = 100 };

extern const char code_start[] __asm__("__executable_start");
extern const char code_end[] __asm__("etext");

static enum memtrace_promise broken;
static void (*handler_wanted)(void);
static void (*function_wanted)(void);

/* Where the linker has put the program: the low halves, as the world compares them. */
static void world_be_real(uintptr_t top)
{
    world_code = (struct memtrace_span){(uint32_t)(uintptr_t)code_start, (uint32_t)(uintptr_t)code_end};
    world_step = 1;
    here.context = TASK(1);
    here.stack = (struct memtrace_span){top - STACK_SPAN, top};
}

static void on_signal(int number)
{
    struct here interrupted = here;
    (void)number;
    void (*handler)(void) = handler_wanted;
    here.context = broken == MEMTRACE_PROMISE_INTERRUPT_CONTEXT ? TASK(1) : MEMTRACE_CONTEXT_ISR;
    if (broken == MEMTRACE_PROMISE_INTERRUPT_STACK)
        here.stack.low = here.stack.high;
    handler();
    here = interrupted;
}

static void interrupt(void (*handler)(void))
{
    handler_wanted = handler;
    if (broken != MEMTRACE_PROMISE_INTERRUPT)
        pthread_kill(pthread_self(), WORLD_INTERRUPT);
}

static void *thread_run(void *unused)
{
    here.core = broken == MEMTRACE_PROMISE_CORE_APART ? 0 : 1;
    here.ahead = broken == MEMTRACE_PROMISE_CLOCK_SHARED ? 10 * MEMTRACE_PORT_TICK_HZ : 0;
    function_wanted();
    return unused;
}

static void other_core(void (*function)(void))
{
    pthread_t thread;
    function_wanted = function;
    if (broken != MEMTRACE_PROMISE_OTHER_CORE)
        CHECK(pthread_create(&thread, NULL, thread_run, NULL) == 0 && pthread_detach(thread) == 0);
}

static void wait_ms(unsigned milliseconds)
{
    world_time += (uint64_t)milliseconds * MEMTRACE_PORT_TICK_HZ / (broken == MEMTRACE_PROMISE_CLOCK_RATE ? 1 : 1000);
}

void memtrace_assert_stop(void)
{
    if (broken == MEMTRACE_PROMISE_STOP)
        memtrace_start();
}

/* The faults that lie in who runs and where. */
static void place_break(void)
{
    if (broken == MEMTRACE_PROMISE_CORE)
        here.core = MEMTRACE_PORT_CORES;
    else if (broken == MEMTRACE_PROMISE_CONTEXT)
        here.context = UINTPTR_MAX;
    else if (broken == MEMTRACE_PROMISE_TASK_NAME)
        here.context = TASK(7);
    else if (broken == MEMTRACE_PROMISE_STACK)
        here.stack = (struct memtrace_span){0, UINTPTR_MAX};
    else if (broken == MEMTRACE_PROMISE_CODE)
        world_code.high = world_code.low;
    else if (broken == MEMTRACE_PROMISE_NOT_CODE)
        world_code = (struct memtrace_span){0, UINTPTR_MAX};
}

static void port_break(void)
{
    place_break();
    world_faults.low_half = broken == MEMTRACE_PROMISE_CLOCK_HALVES;
    world_faults.build_id = broken == MEMTRACE_PROMISE_BUILD_ID;
    world_faults.lock_holds_nothing = broken == MEMTRACE_PROMISE_LOCK_HOLDS;
    world_faults.lock_stays = broken == MEMTRACE_PROMISE_LOCK_OPENS;
    world_faults.lock_opens_all = broken == MEMTRACE_PROMISE_LOCK_NESTS;
    world_faults.name_allocates = broken == MEMTRACE_PROMISE_NO_ALLOCATION;
    if (broken == MEMTRACE_PROMISE_CLOCK_RUNS)
        world_step = 0;
    if (broken == MEMTRACE_PROMISE_CLOCK_FORWARD)
        world_step = (uint64_t)-1;
}

static const struct memtrace_port_hooks hooks = {interrupt, other_core, wait_ms};

int main(int count, char **arguments)
{
    struct sigaction action = {.sa_handler = on_signal};
    world_time = (uint64_t)1 << 33;
    world_be_real((uintptr_t)__builtin_frame_address(0) + 2 * sizeof(uintptr_t));
    CHECK(sigaction(WORLD_INTERRUPT, &action, NULL) == 0);
    broken = count > 1 ? (enum memtrace_promise)atoi(arguments[1]) : MEMTRACE_PROMISES_KEPT;
    port_break();
    world_yields = true;
    enum memtrace_promise found = memtrace_port_selftest(count > 2 ? NULL : &hooks);
    CHECK(memtrace_ring == NULL && memtrace_port_checking == MEMTRACE_PROMISES_KEPT);
    printf("%u %s\n", (unsigned)found, memtrace_promise_text(found));
    return 0;
}
