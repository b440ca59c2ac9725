/* SPDX-License-Identifier: Apache-2.0
 *
 * Entry of QEMU's riscv virt machine, machine mode, one hart: bss, constructors, main. Nothing here lies in the code that the linker
 * script names, so that a backtrace ends in main. Every trap ends the run.
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
    la sp, __stack
    la t0, __bss_start
    la t1, _end
1:  bgeu t0, t1, 2f
    sw zero, 0(t0)
    addi t0, t0, 4
    j 1b
2:  addi sp, sp, -16
    la s1, __init_array_start
    la s2, __init_array_end
3:  bgeu s1, s2, 4f
    lw t0, 0(s1)
    jalr t0
    addi s1, s1, 4
    j 3b
4:  jal main
    .cfi_endproc
    .size _start, . - _start

    .global trap
    .type trap, @function
    .balign 4
trap:
    la sp, __stack
    li s0, 0
    jal abort
    .size trap, . - trap
