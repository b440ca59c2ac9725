/* SPDX-License-Identifier: Apache-2.0
 *
 * void memtrace_windows_spill(void): every window but those of the functions that called it last goes to its stack.
 *
 * Approach: calls turn the window on, each function touches its highest register, and the overflow vectors do the rest.
 * Ordinary calls, so interrupts stay on. Rejected: ROTW (some instructions fewer, but no interrupt may come in between);
 * the vendor's xthal_window_spill (not linked everywhere).
 * The file's registers are counted in units of four. A function that touches its highest register spills whoever began in
 * the 3 units after its own first one. We were called by the recorder (2 units before us), that one by the allocator's
 * entry (4 before), and that one's caller (at most 7, at least 5 before) must be spilled: of 8 units it began 1 to 3 after
 * us, of 16 units 9 to 11, which three more calls of 3 units reach.
 * Assumptions: MEMTRACE_XTENSA_REGISTERS is not less than the file has (ESP32, S2, S3: 64).
 */
#if defined(__XTENSA_WINDOWED_ABI__)

#ifndef MEMTRACE_XTENSA_REGISTERS
#define MEMTRACE_XTENSA_REGISTERS 64
#endif

    .section .text.memtrace_windows_spill, "ax"
    .align 4
    .global memtrace_windows_spill
    .type memtrace_windows_spill, @function
memtrace_windows_spill:
#if MEMTRACE_XTENSA_REGISTERS > 32
    entry a1, 48
    call12 1f
    retw
    .align 4
1:
    entry a1, 48
    call12 2f
    retw
    .align 4
2:
    entry a1, 48
    call12 3f
    retw
    .align 4
3:
#endif
    entry a1, 16
    mov a15, a15
    retw
    .size memtrace_windows_spill, . - memtrace_windows_spill

#endif
