/* SPDX-License-Identifier: Apache-2.0 */
#include "clock.h"

#define NS 1000000000u
#define FIRST_LOOK_NS 100000u /* the two clocks are read to within some 30 ns: 0.05 % */
/* Of a 32-bit event's 12 bits of time, a faster clock would need a SYNC every few events. */
#define FASTEST (sizeof(uintptr_t) == 8 ? 400u * 1000000u : 1000000u)

struct clock_source recorder_clock;

static uint64_t counts_a_second(void)
{
    uint64_t ns = clock_ns() - recorder_clock.base_ns, counts = counter_read() - recorder_clock.base;
    return ns == 0 ? NS : (uint64_t)((double)counts * NS / (double)ns);
}

void clock_start(void)
{
    recorder_clock = (struct clock_source){counter_is_steady(), 0, 0, clock_ns()};
    if (!recorder_clock.steady) {
        recorder_clock.base = recorder_clock.base_ns;
        while (NS >> recorder_clock.shift > FASTEST)
            recorder_clock.shift++;
        return;
    }
    recorder_clock.base = counter_read();
    while (clock_ns() - recorder_clock.base_ns < FIRST_LOOK_NS) {
    }
    while (counts_a_second() >> recorder_clock.shift > FASTEST)
        recorder_clock.shift++;
}

uint32_t clock_hz(void)
{
    uint64_t counts = recorder_clock.steady ? counts_a_second() : NS;
    return (uint32_t)(counts >> recorder_clock.shift);
}
