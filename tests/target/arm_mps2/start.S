/* SPDX-License-Identifier: Apache-2.0
 *
 * Start-up, exceptions and context switch for QEMU's MPS2 boards, Cortex-M0 to M33, in instructions that all of them have.
 *
 * Tasks run on the process stack, exceptions on the main one. Everything here lies outside of [board_code_start, board_code_end):
 * a return address into it is "not code" to the recorder, so that backtraces end in the function that was called from here.
 */
#include "board_mps2.h"

    .syntax unified
    .thumb
    .section .vectors, "a"
    .global board_vectors
    .type board_vectors, %object
board_vectors:
    .word board_interrupt_stack + BOARD_STACK_BYTES
    .word _start
    .rept 14 /* NMI, faults, and what is never asked for */
    .word fault_vector
    .endr
    .rept 48
    .word timer_vector /* the one device that interrupts */
    .endr
    .size board_vectors, . - board_vectors

    .section .text.start, "ax"
    .global _start
    .type _start, %function
    .thumb_func
_start:
    .cfi_startproc
    .cfi_undefined lr
    ldr r0, =board_startup_stack + BOARD_STACK_BYTES - 16 /* BOARD_GLUE_BYTES */
    msr psp, r0
    movs r0, #2
    msr control, r0
    isb
#ifdef __ARM_FP
    ldr r0, =0xe000ed88 /* CPACR: the FPU may be used */
    ldr r1, =0xf << 20
    str r1, [r0]
    dsb
    isb
#endif
    ldr r0, =board_bss_start
    ldr r1, =board_bss_end
    movs r2, #0
1:  cmp r0, r1
    bhs 2f
    str r2, [r0]
    adds r0, #4
    b 1b
2:  bl board_main
3:  b 3b
    .cfi_endproc
    .size _start, . - _start

    .type timer_vector, %function
    .thumb_func
timer_vector:
    .cfi_startproc
    .cfi_undefined lr
    push {r4, lr}
    .cfi_def_cfa_offset 8
    bl board_interrupt_enter
    blx r0
    bl board_interrupt_leave
    pop {r4, pc}
    .cfi_endproc
    .size timer_vector, . - timer_vector

/* The processor has put r0 to r3, r12, lr, pc and xpsr on the stack that lr's bit 2 names. */
    .type fault_vector, %function
    .thumb_func
fault_vector:
    .cfi_startproc
    .cfi_undefined lr
    mrs r2, psp
    mov r0, lr
    lsls r0, r0, #29
    bmi 1f
    mrs r2, msp
1:  mrs r0, ipsr
    ldr r1, [r2, #24]
    bl board_fault
    .cfi_endproc
    .size fault_vector, . - fault_vector

/* void board_context_switch(void **save, void *next): the callee-saved registers go to the stack that is left. */
    .global board_context_switch
    .type board_context_switch, %function
    .thumb_func
board_context_switch:
    .cfi_startproc
    push {r3, r4, r5, r6, r7, lr}
    .cfi_def_cfa_offset 24
    .cfi_offset lr, -4
    mov r4, r8
    mov r5, r9
    mov r6, r10
    mov r7, r11
    push {r4, r5, r6, r7}
    .cfi_def_cfa_offset 40
#ifdef __ARM_FP
    vpush {s16-s31}
    .cfi_def_cfa_offset 104
#endif
    mov r3, sp
    str r3, [r0]
    mov sp, r1
#ifdef __ARM_FP
    vpop {s16-s31}
    .cfi_def_cfa_offset 40
#endif
    pop {r4, r5, r6, r7}
    .cfi_def_cfa_offset 24
    mov r8, r4
    mov r9, r5
    mov r10, r6
    mov r11, r7
    pop {r3, r4, r5, r6, r7, pc}
    .cfi_endproc
    .size board_context_switch, . - board_context_switch

/* A new context comes here from board_context_switch with its entry in r4, and interrupts off. */
    .global task_trampoline
    .type task_trampoline, %function
    .thumb_func
task_trampoline:
    .cfi_startproc
    .cfi_undefined lr
    cpsie i
    blx r4
    bl task_exit
    .cfi_endproc
    .size task_trampoline, . - task_trampoline

/* void board_call_root(void (*function)(uintptr_t), uintptr_t argument)
 * Moves the upper bound of the stack below the end of `function`'s frame while it runs. */
    .global board_call_root
    .type board_call_root, %function
    .thumb_func
board_call_root:
    .cfi_startproc
    push {r4, r5, r6, lr}
    .cfi_def_cfa_offset 16
    .cfi_offset lr, -4
    ldr r4, =board_running
    ldr r5, [r4, #8]
    mov r2, sp
    subs r2, #8
    str r2, [r4, #8]
    mov r2, r0
    mov r0, r1
    blx r2
    str r5, [r4, #8]
    pop {r4, r5, r6, pc}
    .cfi_endproc
    .size board_call_root, . - board_call_root
