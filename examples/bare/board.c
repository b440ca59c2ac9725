/* SPDX-License-Identifier: Apache-2.0
 *
 * QEMU's riscv virt machine: a serial line, and a switch.
 */
#include "board.h"

#include <stdint.h>
#include <stdlib.h>

void board_print(const char *text)
{
    volatile uint8_t *uart = (volatile uint8_t *)(uintptr_t)0x10000000u;
    for (; *text != '\0'; text++)
        *uart = (uint8_t)*text;
}

/* QEMU's test finisher: the emulator ends with this status. */
static _Noreturn void power_off(uint32_t status)
{
    *(volatile uint32_t *)(uintptr_t)0x100000u = status == 0 ? 0x5555u : status << 16 | 0x3333u;
    for (;;) {
    }
}

_Noreturn void board_power_off(void)
{
    power_off(0);
}

/* What an assertion of the allocator ends in. */
_Noreturn void abort(void)
{
    board_print("abort\n");
    power_off(1);
}
