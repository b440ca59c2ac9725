/* SPDX-License-Identifier: Apache-2.0
 *
 * Vectors, start-up, traps and context switch for QEMU's Xtensa cores, with windows (de212) and without (lx106).
 *
 * Everything here lies outside of [board_code_start, board_code_end): a return address into it is "not code" to the
 * recorder, so backtraces end in the function that was called from here.
 */
#ifdef __XTENSA_WINDOWED_ABI__
#define PS_TASK 0x40003 /* windows on, interrupts off */
#define PS_TRAP 0x40013 /* the same, in an exception */
#define CALL call4
#define CALLX callx4
#else
#define PS_TASK 0x3
#define PS_TRAP 0x13
#define CALL call0
#define CALLX callx0
#endif

/* Every window but our own goes to its stack; interrupts must be off. 32 registers are 8 units of four: who touches a12 spills
 * whoever began in the three units after our first one, and ROTW takes us on by so many. */
    .macro windows_spill
    mov a12, a12
    rotw 3
    mov a12, a12
    rotw 1
    mov a12, a12
    rotw 4
    .endm

    .section .vectors, "ax"
    .begin no-transform
    .global board_vectors
    .balign 4096
board_vectors:
#ifdef __XTENSA_WINDOWED_ABI__
/* Window overflow: the registers of a function go under the stack pointer of the one that it called (a5, a9 or a13 here), and
 * those beyond the fourth to its own frame's end, which its caller's stack pointer (at a1 - 12) tells. */
    .org 0x000
    s32e a0, a5, -16
    s32e a1, a5, -12
    s32e a2, a5, -8
    s32e a3, a5, -4
    rfwo
    .org 0x040
    l32e a0, a5, -16
    l32e a1, a5, -12
    l32e a2, a5, -8
    l32e a3, a5, -4
    rfwu
    .org 0x080
    s32e a0, a9, -16
    l32e a0, a1, -12
    s32e a1, a9, -12
    s32e a2, a9, -8
    s32e a3, a9, -4
    s32e a4, a0, -32
    s32e a5, a0, -28
    s32e a6, a0, -24
    s32e a7, a0, -20
    rfwo
    .org 0x0c0
    l32e a0, a9, -16
    l32e a1, a9, -12
    l32e a2, a9, -8
    l32e a7, a1, -12
    l32e a3, a9, -4
    l32e a4, a7, -32
    l32e a5, a7, -28
    l32e a6, a7, -24
    l32e a7, a7, -20
    rfwu
    .org 0x100
    s32e a0, a13, -16
    l32e a0, a1, -12
    s32e a1, a13, -12
    s32e a2, a13, -8
    s32e a3, a13, -4
    s32e a4, a0, -48
    s32e a5, a0, -44
    s32e a6, a0, -40
    s32e a7, a0, -36
    s32e a8, a0, -32
    s32e a9, a0, -28
    s32e a10, a0, -24
    s32e a11, a0, -20
    rfwo
    .org 0x140
    l32e a0, a13, -16
    l32e a1, a13, -12
    l32e a2, a13, -8
    l32e a11, a1, -12
    l32e a3, a13, -4
    l32e a4, a11, -48
    l32e a5, a11, -44
    l32e a6, a11, -40
    l32e a7, a11, -36
    l32e a8, a11, -32
    l32e a9, a11, -28
    l32e a10, a11, -24
    l32e a11, a11, -20
    rfwu
    .org 0x300 /* exceptions and interrupts of level 1, kernel and user */
    wsr.excsave1 a0
    j board_trap_entry
    .org 0x340
    wsr.excsave1 a0
    j board_trap_entry
    .org 0x3c0 /* an exception in an exception */
    j .
#else
    .org 0x30
    wsr.excsave1 a0
    j board_trap_entry
    .org 0x50
    wsr.excsave1 a0
    j board_trap_entry
    .org 0x70
    j .
#endif
    .end no-transform

    .section .text.start, "ax"
    .literal_position

    .global _start
    .type _start, @function
    .align 4
_start:
#ifdef __XTENSA_WINDOWED_ABI__
    movi a2, 1
    wsr.windowstart a2
    movi a2, 0
    wsr.windowbase a2
    rsync
    movi a2, 0x2a /* S32C1I works on memory of every kind */
    wsr.atomctl a2
#endif
    movi a2, board_vectors
    wsr.vecbase a2
    movi a2, PS_TASK
    wsr.ps a2
    rsync
    movi a2, board_bss_start
    movi a3, board_bss_end
    movi a4, 0
1:  bgeu a2, a3, 2f
    s32i a4, a2, 0
    addi a2, a2, 4
    j 1b
2:  movi a1, board_startup_stack
    movi a2, board_stack_bytes
    l32i a2, a2, 0
    add a1, a1, a2
    movi a0, 0
    CALL board_main
3:  j 3b
    .size _start, . - _start

/* Everything goes to one place, because nothing nests: a0 stands in EXCSAVE1. */
    .global board_trap_entry
    .type board_trap_entry, @function
    .align 4
board_trap_entry:
    movi a0, board_trap_saved
    s32i a1, a0, 4
    s32i a2, a0, 8
    s32i a3, a0, 12
    s32i a4, a0, 16
    s32i a5, a0, 20
    s32i a6, a0, 24
    s32i a7, a0, 28
    s32i a8, a0, 32
    s32i a9, a0, 36
    s32i a10, a0, 40
    s32i a11, a0, 44
    s32i a12, a0, 48
    s32i a13, a0, 52
    s32i a14, a0, 56
    s32i a15, a0, 60
    rsr.excsave1 a2
    s32i a2, a0, 0
    rsr.epc1 a3
    s32i a3, a0, 64
    rsr.ps a2
    s32i a2, a0, 68
    rsr.sar a2
    s32i a2, a0, 72
#ifdef __XTENSA_WINDOWED_ABI__
    rsr.lbeg a2
    s32i a2, a0, 76
    rsr.lend a2
    s32i a2, a0, 80
    rsr.lcount a2
    s32i a2, a0, 84
    movi a2, PS_TASK
    wsr.ps a2
    rsync
    windows_spill /* while a1 is still the interrupted function's: its callers' registers belong under it */
    rsr.exccause a6
    mov a7, a3
    rsr.excvaddr a8
#else
    movi a2, PS_TASK
    wsr.ps a2
    rsync
    rsr.exccause a2
    rsr.excvaddr a4
#endif
    movi a1, board_interrupt_stack
    movi a5, board_stack_bytes
    l32i a5, a5, 0
    add a1, a1, a5
    movi a0, 0
    CALL board_trap
    movi a2, PS_TRAP
    wsr.ps a2
    rsync
    movi a0, board_trap_saved
    l32i a2, a0, 64
    wsr.epc1 a2
    l32i a2, a0, 68
    wsr.ps a2
    l32i a2, a0, 72
    wsr.sar a2
#ifdef __XTENSA_WINDOWED_ABI__
    l32i a2, a0, 76
    wsr.lbeg a2
    l32i a2, a0, 80
    wsr.lend a2
    l32i a2, a0, 84
    wsr.lcount a2
#endif
    rsync
    l32i a1, a0, 4
    l32i a2, a0, 8
    l32i a3, a0, 12
    l32i a4, a0, 16
    l32i a5, a0, 20
    l32i a6, a0, 24
    l32i a7, a0, 28
    l32i a8, a0, 32
    l32i a9, a0, 36
    l32i a10, a0, 40
    l32i a11, a0, 44
    l32i a12, a0, 48
    l32i a13, a0, 52
    l32i a14, a0, 56
    l32i a15, a0, 60
    l32i a0, a0, 0
    rfe
    .size board_trap_entry, . - board_trap_entry

/* void board_context_switch(void **save, void *next), interrupts off: what must survive goes to the stack that is left. */
    .global board_context_switch
    .type board_context_switch, @function
    .align 4
board_context_switch:
#ifdef __XTENSA_WINDOWED_ABI__
    entry a1, 32
    windows_spill
    s32i a0, a1, 0
    s32i a1, a2, 0
    mov a1, a3
    l32i a0, a1, 0
    retw
#else
    addi a1, a1, -32
    s32i a0, a1, 0
    s32i a12, a1, 4
    s32i a13, a1, 8
    s32i a14, a1, 12
    s32i a15, a1, 16
    s32i a1, a2, 0
    mov a1, a3
    l32i a0, a1, 0
    l32i a12, a1, 4
    l32i a13, a1, 8
    l32i a14, a1, 12
    l32i a15, a1, 16
    addi a1, a1, 32
    ret
#endif
    .size board_context_switch, . - board_context_switch

/* A new context comes here from board_context_switch, with interrupts off; board_context_create left its entry in a3 (windowed)
 * or a12. */
    .global task_trampoline
    .type task_trampoline, @function
    .align 4
task_trampoline:
    rsil a2, 0
#ifdef __XTENSA_WINDOWED_ABI__
    callx4 a3
#else
    callx0 a12
#endif
    CALL task_exit
    .size task_trampoline, . - task_trampoline

/* void board_call_root(void (*function)(uintptr_t), uintptr_t argument)
 * Without windows the upper bound of the stack lies below the end of `function`'s frame while it runs. */
    .global board_call_root
    .type board_call_root, @function
    .align 4
board_call_root:
#ifdef __XTENSA_WINDOWED_ABI__
    entry a1, 32
    mov a10, a3
    callx8 a2
    retw
#else
    addi a1, a1, -16
    s32i a0, a1, 12
    movi a5, board_running
    l32i a6, a5, 8
    s32i a6, a1, 8
    addi a6, a1, -16
    s32i a6, a5, 8
    mov a5, a2
    mov a2, a3
    callx0 a5
    movi a5, board_running
    l32i a6, a1, 8
    s32i a6, a5, 8
    l32i a0, a1, 12
    addi a1, a1, 16
    ret
#endif
    .size board_call_root, . - board_call_root
