/* SPDX-License-Identifier: Apache-2.0
 *
 * QEMU's riscv virt machine: UART 16550, CLINT, test finisher; machine mode, one hart.
 */
#include "board.h"

#include <string.h>

#include "FreeRTOS.h"

#define UART ((volatile uint8_t *)0x10000000u)
#define FINISHER ((volatile uint32_t *)0x100000u)
#define CLINT_SOFTWARE ((volatile uint32_t *)0x2000000u)

enum { CAUSE_SOFTWARE = 3, MIE_SOFTWARE = 1 << 3, MIE_TIMER = 1 << 7, MSTATUS_MIE = 1 << 3 };

extern void freertos_risc_v_trap_handler(void);
void freertos_risc_v_application_interrupt_handler(uintptr_t cause);
void freertos_risc_v_application_exception_handler(uintptr_t cause);

void board_init(void)
{
    __asm__ volatile("csrw mtvec, %0" : : "r"(freertos_risc_v_trap_handler));
    __asm__ volatile("csrs mie, %0" : : "r"(MIE_SOFTWARE));
}

void board_send(const uint8_t *bytes, size_t count)
{
    for (; count > 0; count--)
        *UART = *bytes++;
}

void board_print(const char *text)
{
    board_send((const uint8_t *)text, strlen(text));
}

void board_interrupt_raise(void)
{
    *CLINT_SOFTWARE = 1;
}

__attribute__((weak)) void board_interrupt(void)
{
}

/* The kernel's port does not nest interrupts, and an allocation turns them on at its end: the tick waits until they are off again. */
void freertos_risc_v_application_interrupt_handler(uintptr_t cause)
{
    if ((cause & 0xffu) != CAUSE_SOFTWARE)
        board_exit(3);
    *CLINT_SOFTWARE = 0;
    __asm__ volatile("csrc mie, %0" : : "r"(MIE_TIMER));
    board_interrupt();
    __asm__ volatile("csrc mstatus, %0" : : "r"(MSTATUS_MIE));
    __asm__ volatile("csrs mie, %0" : : "r"(MIE_TIMER));
}

void freertos_risc_v_application_exception_handler(uintptr_t cause)
{
    (void)cause;
    board_print("exception\n");
    board_exit(2);
}

__attribute__((noinline)) _Noreturn void board_exit(int status)
{
    *FINISHER = status == 0 ? 0x5555u : (uint32_t)status << 16 | 0x3333u;
    for (;;) {
    }
}
