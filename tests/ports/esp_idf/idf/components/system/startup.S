/* SPDX-License-Identifier: Apache-2.0
 *
 * The reset's start, on the ROM's stack; the trap; a call on another stack.
 */
    .section .boot, "ax"
    lui t0, %hi(_start)
    jalr x0, t0, %lo(_start)

    .section .rom.start, "ax"
    .global _start
_start:
    .option push
    .option norelax
    la gp, __global_pointer$
    .option pop
    csrr t0, mhartid
1:  bnez t0, 1b
    la t0, trap
    csrw mtvec, t0
    li sp, 0x80500000
    li s0, 0
    la t0, bss_start
    la t1, bss_end
2:  bgeu t0, t1, 3f
    sw zero, 0(t0)
    addi t0, t0, 4
    j 2b
3:  jal call_start_cpu0
4:  j 4b

    .balign 4
trap:
    mv a0, sp
    jal xt_unhandled_exception
5:  j 5b

/* void call_on_stack(void (*function)(void), void *top) */
    .global call_on_stack
call_on_stack:
    addi a1, a1, -16
    sw sp, 0(a1)
    sw ra, 4(a1)
    sw s0, 8(a1)
    mv sp, a1
    li s0, 0
    jalr a0
    lw ra, 4(sp)
    lw s0, 8(sp)
    lw sp, 0(sp)
    ret
