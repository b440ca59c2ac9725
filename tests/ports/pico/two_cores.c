/* SPDX-License-Identifier: Apache-2.0
 *
 * The Pico port on a model of an RP2040: two threads are its cores, SIGUSR1 their interrupt. Both record, and so does the interrupt, which each
 * raises again and again, also while a lock is held: it must wait until that is given back. Prints the ring.
 *
 * INTERRUPTS_STAY_ON, OTHER_CORE_GOES_ON: locks that lack one half of what they must do.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "memtrace.h"
#include "memtrace_port.h"

enum { CORES = 2, ROUNDS = 20000, RING_BYTES = 8192, HELD = 3 };

timer_hw_t machine_timer;
const char __scratch_x_end__[1], __StackOneTop[1], __scratch_y_end__[1], __StackTop[1];
const char __logical_binary_start[1], __etext[1], __data_start__[1], __data_end__[1];

static _Alignas(8) char ring[RING_BYTES];
static spin_lock_t lock;
static _Thread_local unsigned core;
static _Thread_local unsigned interrupts;
static _Thread_local unsigned taken; /* interrupts that came */
static _Thread_local bool holds;

unsigned get_core_num(void)
{
    return core;
}

unsigned __get_current_exception(void)
{
    return interrupts;
}

spin_lock_t *spin_lock_instance(uint number)
{
    return number == MEMTRACE_PICO_SPIN_LOCK ? &lock : NULL;
}

static bool interrupts_change(bool on)
{
    sigset_t one;
    sigset_t before;
    sigemptyset(&one);
    sigaddset(&one, SIGUSR1);
    pthread_sigmask(on ? SIG_UNBLOCK : SIG_BLOCK, &one, &before);
    return sigismember(&before, SIGUSR1) == 0;
}

uint32_t spin_lock_blocking(spin_lock_t *one)
{
    bool were_on = false;
#ifndef INTERRUPTS_STAY_ON
    were_on = interrupts_change(false);
#endif
    if (holds)
        _exit(HELD); /* an interrupt waits for what it interrupted */
    (void)one;
#ifndef OTHER_CORE_GOES_ON
    while (__atomic_exchange_n(one, 1, __ATOMIC_ACQUIRE) != 0)
        sched_yield();
#endif
    holds = true;
    static _Thread_local unsigned turns;
    if (++turns % 64 == 0)
        raise(SIGUSR1);
    return were_on;
}

void spin_unlock(spin_lock_t *one, uint32_t were_on)
{
    holds = false;
    __atomic_store_n(one, 0, __ATOMIC_RELEASE);
    if (were_on)
        interrupts_change(true);
}

static void block_use(uintptr_t number)
{
    void *block = (void *)(0x10000u + number * 16);
    memtrace_alloc(MEMTRACE_CALLER(), block, 8, 0);
    memtrace_free(MEMTRACE_CALLER(), block, 0);
}

/* Of one level only, as the model's one signal is. */
static void on_interrupt(int signal)
{
    (void)signal;
    if (interrupts > 0)
        return;
    interrupts++;
    taken++;
    block_use(0x8000u | core);
    interrupts--;
}

static void *core_run(void *number)
{
    core = (unsigned)(uintptr_t)number;
    for (unsigned round = 0; round < ROUNDS; round++)
        block_use(round << 1 | core);
    return (void *)(uintptr_t)taken;
}

int main(void)
{
    signal(SIGUSR1, on_interrupt);
    if (!memtrace_init(ring, sizeof ring, NULL))
        return 1;
    pthread_t threads[CORES];
    uintptr_t calls = 0;
    for (uintptr_t i = 0; i < CORES; i++)
        pthread_create(&threads[i], NULL, core_run, (void *)i);
    for (unsigned i = 0; i < CORES; i++) {
        void *came;
        pthread_join(threads[i], &came);
        calls += 2 * (ROUNDS + (uintptr_t)came);
    }
    printf("%#lx %lu %lu\n", (unsigned long)(uintptr_t)ring, (unsigned long)calls, (unsigned long)(calls - 4 * ROUNDS));
    fwrite(ring, 1, sizeof ring, stdout);
    return 0;
}
