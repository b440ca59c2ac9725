/* SPDX-License-Identifier: Apache-2.0
 *
 * The port's clock around the places where the kernel's count of ticks turns over: what it says after each tick, and in the middle of
 * it, when its halves do not yet agree. With counts of 16 bits, too.
 */
#include "board.h"
#include "common.h"
#include "memtrace_port.h"

static const uint32_t counts[] = {0x7fffffff, 0x80000000, 0xffffffff, 0x00000000, 0x00000005,
                                  0x7fffffff, 0x80000001, 0xfffffff0, 0x00000003};

static void time_print(const char *when)
{
    uint64_t time = memtrace_port_time_full();
    print("%s %#lx %08lx\n", when, (unsigned long)(time >> 32), (unsigned long)(uint32_t)time);
}

int main(void)
{
    board_init();
    for (unsigned i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        struct memtrace_freertos_clock before = memtrace_freertos_clock;
        memtrace_freertos_tick((TickType_t)counts[i]);
        struct memtrace_freertos_clock after = memtrace_freertos_clock;
        memtrace_freertos_clock.halves = before.halves;
        time_print("within");
        memtrace_freertos_clock = after;
        time_print("behind");
    }
    board_exit(0);
}
