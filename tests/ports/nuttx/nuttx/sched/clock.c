/* SPDX-License-Identifier: Apache-2.0 */
#include <nuttx/clock.h>

/* QEMU's mtime has 10 MHz. */
clock_t clock_systime_ticks(void)
{
    uint32_t low, high;
    __asm__ volatile("csrr %0, time" : "=r"(low));
    __asm__ volatile("csrr %0, timeh" : "=r"(high));
    return (((uint64_t)high << 32) | low) >> 13;
}
