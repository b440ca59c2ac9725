/* SPDX-License-Identifier: Apache-2.0 */
#include <zephyr/kernel.h>

/* QEMU's mtime has 10 MHz. */
int64_t sys_clock_tick_get(void)
{
    uint32_t low, high;
    __asm__ volatile("csrr %0, time" : "=r"(low));
    __asm__ volatile("csrr %0, timeh" : "=r"(high));
    return (int64_t)((((uint64_t)high << 32) | low) >> 13);
}
