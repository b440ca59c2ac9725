/* SPDX-License-Identifier: Apache-2.0
 *
 * Entry of QEMU's riscv virt machine, machine mode, one hart. Nothing here lies in [code_start, code_end), so that a
 * backtrace ends in main. Every trap ends the run.
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
    la t0, trap
    csrw mtvec, t0
    li s0, 0
    la sp, stack_high
    la t0, bss_start
    la t1, bss_end
1:  bgeu t0, t1, 2f
    sw zero, 0(t0)
    addi t0, t0, 4
    j 1b
2:  addi sp, sp, -16
    jal main
    .cfi_endproc
    .size _start, . - _start

    .global trap
    .type trap, @function
    .balign 4
trap:
    la sp, stack_high
    li s0, 0
    jal abort
    .size trap, . - trap
