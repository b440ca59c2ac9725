/* SPDX-License-Identifier: Apache-2.0
 *
 * QEMU's MPS2 boards: the UART of the CMSDK, an interrupt that no device asks for, semihosting for the end.
 */
#include "board.h"

#include <string.h>

#include "board_mps2.h"

#define UART ((volatile uint32_t *)BOARD_UART)
#define NVIC_ENABLE ((volatile uint32_t *)0xe000e100u)
#define NVIC_PEND ((volatile uint32_t *)0xe000e200u)
#define NVIC_PRIORITY ((volatile uint32_t *)0xe000e400u)

enum {
    UART_DATA,
    UART_STATE,
    UART_CONTROL,
    UART_DIVIDER = 4,
    UART_IS_FULL = 1,
    INTERRUPT = 31,
    SEMIHOSTING_EXIT = 0x20
};

void fault(void);
void software_interrupt(void);

/* An interrupt that may call the kernel has at least the number of configMAX_SYSCALL_INTERRUPT_PRIORITY. */
void board_init(void)
{
    UART[UART_DIVIDER] = 16;
    UART[UART_CONTROL] = 1;
    NVIC_PRIORITY[INTERRUPT / 4] = 0xa0u << INTERRUPT % 4 * 8;
    NVIC_ENABLE[0] = 1u << INTERRUPT;
}

void board_send(const uint8_t *bytes, size_t count)
{
    for (; count > 0; count--) {
        while ((UART[UART_STATE] & UART_IS_FULL) != 0) {
        }
        UART[UART_DATA] = *bytes++;
    }
}

void board_print(const char *text)
{
    board_send((const uint8_t *)text, strlen(text));
}

void board_interrupt_raise(void)
{
    NVIC_PEND[0] = 1u << INTERRUPT;
    __asm__ volatile("dsb\n\tisb");
}

__attribute__((weak)) void board_interrupt(void)
{
}

void software_interrupt(void)
{
    board_interrupt();
}

void fault(void)
{
    board_print("fault\n");
    board_exit(2);
}

_Noreturn void board_exit(int status)
{
    const uint32_t arguments[] = {0x20026, (uint32_t)status}; /* the application's own end */
    register uint32_t r0 __asm__("r0") = SEMIHOSTING_EXIT;
    register const uint32_t *r1 __asm__("r1") = arguments;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    for (;;) {
    }
}
