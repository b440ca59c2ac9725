/* SPDX-License-Identifier: Apache-2.0
 *
 * Start, switch and vector.
 */
    .section .text.start, "ax"
    .global __start
__start:
    .option push
    .option norelax
    la gp, __global_pointer$
    .option pop
    la sp, idle_stack + 2048
    la t0, vector
    csrw mtvec, t0
    la t0, interrupt_stack + 2048
    csrw mscratch, t0
    csrsi mie, 8
    csrsi mstatus, 8
    li s0, 0
    la t0, __bss_start
    la t1, __bss_end
1:  bgeu t0, t1, 2f
    sw zero, 0(t0)
    addi t0, t0, 4
    j 1b
2:  jal nx_start
3:  j 3b

/* void up_switch_context(void **save, void *regs) */
    .global up_switch_context
up_switch_context:
    addi sp, sp, -64
    sw ra, 0(sp)
    sw s0, 4(sp)
    sw s1, 8(sp)
    sw s2, 12(sp)
    sw s3, 16(sp)
    sw s4, 20(sp)
    sw s5, 24(sp)
    sw s6, 28(sp)
    sw s7, 32(sp)
    sw s8, 36(sp)
    sw s9, 40(sp)
    sw s10, 44(sp)
    sw s11, 48(sp)
    sw sp, 0(a0)
    mv sp, a1
    lw ra, 0(sp)
    lw s0, 4(sp)
    lw s1, 8(sp)
    lw s2, 12(sp)
    lw s3, 16(sp)
    lw s4, 20(sp)
    lw s5, 24(sp)
    lw s6, 28(sp)
    lw s7, 32(sp)
    lw s8, 36(sp)
    lw s9, 40(sp)
    lw s10, 44(sp)
    lw s11, 48(sp)
    addi sp, sp, 64
    ret

/* The first return of a new task leads here: nobody called its function, which is in s1. */
    .global task_begin
task_begin:
    li ra, 0
    jr s1

    .balign 4
vector:
    csrrw sp, mscratch, sp
    addi sp, sp, -80
    sw ra, 0(sp)
    sw t0, 4(sp)
    sw t1, 8(sp)
    sw t2, 12(sp)
    sw a0, 16(sp)
    sw a1, 20(sp)
    sw a2, 24(sp)
    sw a3, 28(sp)
    sw a4, 32(sp)
    sw a5, 36(sp)
    sw a6, 40(sp)
    sw a7, 44(sp)
    sw t3, 48(sp)
    sw t4, 52(sp)
    sw t5, 56(sp)
    sw t6, 60(sp)
    sw s0, 64(sp)
    li s0, 0
    jal arch_interrupt
    lw ra, 0(sp)
    lw t0, 4(sp)
    lw t1, 8(sp)
    lw t2, 12(sp)
    lw a0, 16(sp)
    lw a1, 20(sp)
    lw a2, 24(sp)
    lw a3, 28(sp)
    lw a4, 32(sp)
    lw a5, 36(sp)
    lw a6, 40(sp)
    lw a7, 44(sp)
    lw t3, 48(sp)
    lw t4, 52(sp)
    lw t5, 56(sp)
    lw t6, 60(sp)
    lw s0, 64(sp)
    addi sp, sp, 80
    csrrw sp, mscratch, sp
    mret

    .section .bss.stacks, "aw", @nobits
    .balign 16
    .global interrupt_stack
interrupt_stack:
    .space 2048
