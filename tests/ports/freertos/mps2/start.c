/* SPDX-License-Identifier: Apache-2.0
 *
 * Vectors and entry of QEMU's MPS2 boards. What the kernel names differently in its ports has both names.
 */
#include <stdint.h>

#include "board_mps2.h"

typedef void (*vector)(void);

extern uint32_t bss_start[];
extern uint32_t bss_end[];
extern uint8_t stack_high[];
extern int main(void);
void _start(void);
void fault(void);
void software_interrupt(void);

#ifdef BOARD_HANDLERS_ARE_NAMED
extern void SVC_Handler(void);
extern void PendSV_Handler(void);
extern void SysTick_Handler(void);
#else
extern void vPortSVCHandler(void);
extern void xPortPendSVHandler(void);
extern void xPortSysTickHandler(void);
#define SVC_Handler vPortSVCHandler
#define PendSV_Handler xPortPendSVHandler
#define SysTick_Handler xPortSysTickHandler
#endif

__attribute__((section(".vectors"), used)) static const vector vectors[16 + BOARD_INTERRUPTS] = {
    (vector)stack_high,     _start,
    [2 ... 10] = fault,     [11] = SVC_Handler,
    [12 ... 13] = fault,    [14] = PendSV_Handler,
    [15] = SysTick_Handler, [16 ... 15 + BOARD_INTERRUPTS] = software_interrupt,
};

void _start(void)
{
#ifdef __ARM_FP
    *(volatile uint32_t *)0xe000ed88u |= 0xfu << 20; /* CPACR: the FPU may be used */
    __asm__ volatile("dsb\n\tisb");
#endif
    for (uint32_t *word = bss_start; (uintptr_t)word < (uintptr_t)bss_end; word++)
        *word = 0;
    (void)main();
    for (;;) {
    }
}
