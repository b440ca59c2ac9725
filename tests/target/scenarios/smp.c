/* SPDX-License-Identifier: Apache-2.0
 *
 * Several cores and their timer interrupts write a million events at once, without a heap in between. Every field of an event follows
 * from its address, so that a reader can tell a torn one:
 *
 *     address  0x40000000 | core << 27 | interrupt << 26 | task << 24 | number % 2^20 << 4
 *     size     (address >> 4) * 2654435761 mod 2^32, its upper 24 bits (frees: none)
 *     heap     core << 3 | interrupt << 2 | task
 *     context  of a task "smp-CORE-TASK"; in an interrupt: ISR
 *     kind     allocation, then the free of the same address
 *     time     between those that smp_times says of the newest pairs
 */
#include "board.h"
#include "firmware.h"
#include "memtrace.h"
#include "rtos.h"
#include "scenarios.h"

#define CORES BOARD_CORES
#define TASKS 4u
#define TICK 500u
#define PAIRS_TIMED 2048u /* of each core and level */
#define PAIRS_TO_PAUSE \
    1000u /* then nothing is recorded, but by interrupts, for longer than an event's own time reaches */
#define PAUSE 5000u

/* An allocation and a free each, on each core outside of interrupts. `-append pairs=N` takes fewer, so that a ring can keep all. */
uint32_t smp_pairs = 250000;

/* How many events each core gave to the recorder: [core][0: tasks, 1: interrupts]. Tests compare with kept + lost. */
volatile uint32_t smp_issued[CORES][2];

/* The clock around both calls of a pair: before, between, after. Behind every ring of this scenario, where the ring's memory goes on:
 * [core][interrupt][number % PAIRS_TIMED] */
struct pair_times {
    uint32_t number;
    uint32_t at[3];
} (*smp_times)[2][PAIRS_TIMED];
#define TIMES_OFFSET (8u << 20)
static volatile uint32_t smp_finished[CORES];
static struct task smp_tasks[CORES][TASKS];

uint32_t smp_address(unsigned core, unsigned interrupt, unsigned task, uint32_t number);
uint32_t smp_size(uint32_t address);

uint32_t smp_address(unsigned core, unsigned interrupt, unsigned task, uint32_t number)
{
    return 0x40000000u | core << 27 | interrupt << 26 | task << 24 | (number & 0xFFFFFu) << 4;
}

uint32_t smp_size(uint32_t address)
{
    return ((address >> 4) * 2654435761u) >> 8;
}

SCENARIO static void pair_issue(unsigned core, unsigned interrupt, unsigned task)
{
    uint32_t number = smp_issued[core][interrupt] / 2;
    uint32_t address = smp_address(core, interrupt, task, number);
    unsigned heap = core << 3 | interrupt << 2 | task;
    struct pair_times *times = &smp_times[core][interrupt][number % PAIRS_TIMED];
    times->number = number;
    times->at[0] = board_time();
    memtrace_alloc(MEMTRACE_CALLER(), (void *)address, smp_size(address), heap); /* LINE: smp-alloc */
    times->at[1] = board_time();
    memtrace_free(MEMTRACE_CALLER(), (void *)address, heap); /* LINE: smp-free */
    times->at[2] = board_time();
    smp_issued[core][interrupt] += 2;
}

SCENARIO static void smp_tick(void)
{
    pair_issue(board_core(), 1, 0);
}

SCENARIO static void core_run(void)
{
    unsigned core = board_core();
    board_timer_start(TICK, smp_tick);
    for (uint32_t i = 0; i < smp_pairs; i++) {
        unsigned task = i / 64 % TASKS;
        task_pretend(&smp_tasks[core][task]);
        pair_issue(core, 0, task);
#ifdef MEMTRACE_TEST_SINK
        if (core == 0 && i % 64 == 0)
            sink_poll();
#endif
        for (uint32_t start = board_time(); i % PAIRS_TO_PAUSE == core && board_time() - start < PAUSE;) {
        }
    }
    board_timer_stop();
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    smp_finished[core] = 1;
}

SCENARIO static void tasks_name(void)
{
    for (unsigned core = 0; core < CORES; core++) {
        for (unsigned task = 0; task < TASKS; task++) {
            char name[] = "smp-0-0";
            name[4] = (char)('0' + core);
            name[6] = (char)('0' + task);
            strcpy(smp_tasks[core][task].name, name);
        }
    }
}

/* With one core it runs on that one alone. */
SCENARIO void test_smp(void)
{
    struct task *main_task = task_current();
    unsigned cores = board_core_count();
    smp_times = (void *)((char *)memtrace_ring + TIMES_OFFSET);
    argument_number("pairs=", &smp_pairs);
    tasks_name();
    if (cores > 1) {
        board_core_start(core_run);
    }
    core_run();
    for (unsigned core = 1; core < cores; core++) {
        while (smp_finished[core] == 0) {
        }
    }
    task_pretend(main_task);
}
