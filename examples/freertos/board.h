/* SPDX-License-Identifier: Apache-2.0
 *
 * What the program needs of its board, QEMU's riscv virt machine.
 */
#ifndef BOARD_H
#define BOARD_H

#include <stddef.h>
#include <stdint.h>

/* Before the scheduler: traps go to the kernel, and software interrupts come. */
void board_init(void);

void board_send(const uint8_t *bytes, size_t count);
void board_print(const char *text);

/* Calls board_interrupt, in an interrupt, at once. */
void board_interrupt_raise(void);
void board_interrupt(void);

/* The emulator ends with this status. */
_Noreturn void board_exit(int status);

#endif
