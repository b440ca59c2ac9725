/* SPDX-License-Identifier: Apache-2.0
 *
 * Entry of QEMU's riscv virt machine, machine mode, one hart. main's stack is the interrupts' later on.
 */
    .section .text.start, "ax"
    .global _start
    .type _start, @function
_start:
    .cfi_startproc
    .cfi_undefined ra
    .option push
    .option norelax
    la gp, __global_pointer$
    .option pop
    li s0, 0
    la sp, __freertos_irq_stack_top
    la t0, bss_start
    la t1, bss_end
1:  bgeu t0, t1, 2f
    sw zero, 0(t0)
    addi t0, t0, 4
    j 1b
2:  jal main
3:  j 3b
    .cfi_endproc
    .size _start, . - _start
