/* SPDX-License-Identifier: Apache-2.0
 *
 * Start-up, traps and context switch for QEMU's riscv virt machine, machine mode.
 *
 * Everything here lies outside of [board_code_start, board_code_end): a return address into it is "not code" to the
 * recorder. Backtraces end in the function that was called from here (BOARD_GLUE_BYTES in board.h).
 */
#ifdef BOARD_TRAPS_UNWIND
    .cfi_sections .debug_frame /* link.ld drops the other */
#endif
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
    csrw mie, zero
    la t0, trap_vector
    csrw mtvec, t0
    csrr t0, mhartid
    li s0, 0
    la tp, board_running
    slli t1, t0, 4
    add tp, tp, t1
    la sp, board_stacks_start
    lw t1, board_stack_bytes
    addi t2, t0, 1
    mul t2, t2, t1
    add sp, sp, t2
    la t3, board_interrupt_stacks
    add t2, t3, t2
    csrw mscratch, t2
    bnez t0, second_core

    la t0, board_device_tree
    sw a1, 0(t0)
    la t0, board_bss_start
    la t1, board_bss_end
1:  bgeu t0, t1, 2f
    sw zero, 0(t0)
    addi t0, t0, 4
    j 1b
2:  jal board_main
3:  wfi
    j 3b

second_core:
    jal board_second_main
    j 3b
    .cfi_endproc
    .size _start, . - _start

/* On entry mscratch holds the top of this core's interrupt stack. The stack is changed before anything is saved, so a task's
 * stack needs no room for interrupts. */
    .global trap_vector
    .type trap_vector, @function
    .balign 4
trap_vector:
    .cfi_startproc
    .cfi_signal_frame
#ifdef BOARD_TRAPS_UNWIND
    .cfi_return_column 0x1341 /* mepc, by its number in DWARF */
#else
    .cfi_undefined ra
#endif
    csrrw sp, mscratch, sp
    addi sp, sp, -96
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
    addi t0, sp, 96
    csrrw t0, mscratch, t0
    sw t0, 68(sp)
    csrr t0, mstatus
    sw t0, 72(sp)
    csrr a0, mcause
    csrr a1, mepc
    sw a1, 76(sp)
    csrr a2, mtval
#ifdef BOARD_TRAPS_UNWIND
    .cfi_def_cfa sp, 96
    .cfi_offset ra, -96
    .cfi_offset a0, -80
    .cfi_offset s0, -32
    .cfi_offset sp, -28
    .cfi_offset 0x1341, -20
#endif
    li s0, 0
    jal board_trap
    lw t0, 72(sp)
    csrw mstatus, t0
    lw t0, 76(sp)
    csrw mepc, t0
    lw ra, 0(sp)
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
    lw t0, 4(sp)
    lw sp, 68(sp)
    mret
    .cfi_endproc
    .size trap_vector, . - trap_vector

/* void board_context_switch(void **save, void *next): the callee-saved registers go to the stack that is left. */
    .global board_context_switch
    .type board_context_switch, @function
board_context_switch:
    .cfi_startproc
    addi sp, sp, -64
    .cfi_def_cfa_offset 64
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
    .cfi_def_cfa_offset 0
    ret
    .cfi_endproc
    .size board_context_switch, . - board_context_switch

/* A new context comes here from board_context_switch with its entry in s1, s0 zero and interrupts off. */
    .global task_trampoline
    .type task_trampoline, @function
task_trampoline:
    .cfi_startproc
    .cfi_undefined ra
    csrsi mstatus, 8
    jalr s1
    jal task_exit
    .cfi_endproc
    .size task_trampoline, . - task_trampoline

/* void board_call_root(void (*function)(uintptr_t), uintptr_t argument)
 * Moves the upper bound of the stack below the frame of `function` while it runs. */
    .global board_call_root
    .type board_call_root, @function
board_call_root:
    .cfi_startproc
    addi sp, sp, -32
    .cfi_def_cfa_offset 32
    sw ra, 28(sp)
    .cfi_offset ra, -4
    sw s0, 24(sp)
    .cfi_offset s0, -8
    sw s1, 20(sp)
    .cfi_offset s1, -12
    la s1, board_running
    csrr t0, mhartid
    slli t0, t0, 4
    add s1, s1, t0
    lw t0, 8(s1)
    sw t0, 16(sp)
    addi t0, sp, -16
    sw t0, 8(s1)
    mv t0, a0
    mv a0, a1
    li s0, 0
    jalr t0
    lw t0, 16(sp)
    sw t0, 8(s1)
    lw ra, 28(sp)
    lw s0, 24(sp)
    lw s1, 20(sp)
    addi sp, sp, 32
    .cfi_def_cfa_offset 0
    ret
    .cfi_endproc
    .size board_call_root, . - board_call_root
