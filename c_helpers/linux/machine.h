/* SPDX-License-Identifier: Apache-2.0
 *
 * What differs between the machines that the recorder of a Linux process runs on: registers, how a hook finds its caller, the clock, and the
 * few pieces of code that no unwind information describes.
 *
 * Assumptions: hooks are compiled with frame pointers. Return addresses of AArch64 may be signed.
 */
#ifndef MEMTRACE_LINUX_MACHINE_H
#define MEMTRACE_LINUX_MACHINE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "memtrace_words.h"

/* Where the program called a hook: the return address, and the stack pointer and frame pointer behind the call. */
struct caller {
    uintptr_t pc, sp, fp;
};

/* A frame that a frame pointer leads to: where the caller's is, and the return address, in words from it; and where the frame ends, if it begins
 * there. */
#if defined(__riscv)
enum { CHAIN_FP = -2, CHAIN_RA = -1, CHAIN_END = 0 };
#else
enum { CHAIN_FP = 0, CHAIN_RA = 1, CHAIN_END = 2 };
#endif
#if defined(__aarch64__)
#define CHAIN_ENDS_FRAME 0 /* it is at the frame's other end */
#else
#define CHAIN_ENDS_FRAME 1
#endif

/* DWARF's numbers of the registers that rules are about. RA_AT_CFA: a call leaves the return address below the CFA. Bytes of a signal's frame
 * from its stack pointer on, where the kernel keeps these registers. */
#if defined(__x86_64__)
#define MACHINE_UNWINDS 1
#define MACHINE_ARCH MEMTRACE_ARCH_X86
enum { DWARF_FP = 6, DWARF_SP = 7, DWARF_RA = 16, SIGNAL_FP = 120, SIGNAL_SP = 160, SIGNAL_PC = 168, SIGNAL_RA = 0 };
#define SAVED_FP(frame) (((const uintptr_t *)(frame))[0])
#elif defined(__i386__)
#define MACHINE_UNWINDS 1
#define MACHINE_ARCH MEMTRACE_ARCH_X86
enum { DWARF_FP = 5, DWARF_SP = 4, DWARF_RA = 8, SIGNAL_FP = 0, SIGNAL_SP = 0, SIGNAL_PC = 0, SIGNAL_RA = 0 };
#define SAVED_FP(frame) (((const uintptr_t *)(frame))[0])
#elif defined(__aarch64__)
#define MACHINE_UNWINDS 1
#define MACHINE_ARCH MEMTRACE_ARCH_AARCH64
enum {
    DWARF_FP = 29,
    DWARF_SP = 31,
    DWARF_RA = 30,
    SIGNAL_FP = 544,
    SIGNAL_SP = 560,
    SIGNAL_PC = 568,
    SIGNAL_RA = 552
};
#define SAVED_FP(frame) (((const uintptr_t *)(frame))[0])
#elif defined(__riscv)
#define MACHINE_UNWINDS 1
#define MACHINE_ARCH MEMTRACE_ARCH_RISCV
enum { DWARF_FP = 8, DWARF_SP = 2, DWARF_RA = 1, SIGNAL_FP = 0, SIGNAL_SP = 0, SIGNAL_PC = 0, SIGNAL_RA = 0 };
#define SAVED_FP(frame) (((const uintptr_t *)(frame))[-2])
#else /* 32-bit Arm, whose unwind information is of another kind: callers alone */
#define MACHINE_UNWINDS 0
#define MACHINE_ARCH MEMTRACE_ARCH_ARM
enum { DWARF_FP = 11, DWARF_SP = 13, DWARF_RA = 14, SIGNAL_FP = 0, SIGNAL_SP = 0, SIGNAL_PC = 0, SIGNAL_RA = 0 };
#define SAVED_FP(frame) ((uintptr_t)(frame)*0u)
#endif

#if defined(__x86_64__) || defined(__i386__)
#define RA_AT_CFA (-(int32_t)sizeof(uintptr_t))
#else
#define RA_AT_CFA 0 /* in a register, until a function's rules say where */
#endif

/* A return address without its signature. */
static inline uintptr_t code_address(uintptr_t pc)
{
#if defined(__aarch64__)
    register uintptr_t lr __asm__("x30") = pc;
    __asm__("hint #7" : "+r"(lr)); /* xpaclri; a no-op where there are no signatures */
    return lr;
#elif defined(__arm__)
    return pc & ~(uintptr_t)1;
#else
    return pc;
#endif
}

/* In a hook itself, which is not inline: who called it. */
#define CALLER() \
    (&(const struct caller){code_address((uintptr_t)__builtin_return_address(0)), (uintptr_t)__builtin_dwarf_cfa(), \
                            SAVED_FP(__builtin_frame_address(0))})

/* The processor's counter, which all cores share. */
static inline uint64_t counter_read(void)
{
#if defined(__x86_64__) || defined(__i386__)
    return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
    uint64_t count;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(count));
    return count;
#else
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
#endif
}

/* The counter runs at one speed, whatever the core's clock does. */
static inline bool counter_is_steady(void)
{
#if defined(__x86_64__) || defined(__i386__)
    uint32_t a = 0x80000007u, b, c, d;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "=c"(c), "=d"(d));
    return (d & 0x100u) != 0;
#else
    return true;
#endif
}

/* Does the kernel's code that ends a signal handler stand here? `code` has 9 readable bytes. */
static inline bool code_ends_signal(const uint8_t *code)
{
#if defined(__x86_64__)
    static const uint8_t end[] = {0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05}; /* mov $15, %rax; syscall */
    return memcmp(code, end, sizeof end) == 0;
#elif defined(__aarch64__)
    static const uint8_t end[] = {0x68, 0x11, 0x80, 0xd2, 0x01, 0, 0, 0xd4}; /* mov x8, #139; svc #0 */
    return memcmp(code, end, sizeof end) == 0;
#else
    (void)code;
    return false;
#endif
}

/* Bytes up to the CFA, if the code behind a call does no more than return, as that of interpreters' trampolines does; else 0. */
static inline int32_t code_returns(const uint8_t *code, bool *restores_fp)
{
    *restores_fp = false;
#if defined(__x86_64__)
    if (code[0] == 0x48 && code[1] == 0x83 && code[2] == 0xc4 && code[3] < 0x80 && code[4] == 0xc3)
        return code[3] + 8;                            /* add $n, %rsp; ret */
    *restores_fp = code[0] == 0x5d && code[1] == 0xc3; /* pop %rbp; ret */
    return *restores_fp ? 16 : 0;
#elif defined(__aarch64__)
    static const uint8_t end[] = {0xfd, 0x7b, 0xc1, 0xa8, 0xc0, 0x03, 0x5f, 0xd6}; /* ldp x29, x30, [sp], #16; ret */
    *restores_fp = memcmp(code, end, sizeof end) == 0;
    return *restores_fp ? 16 : 0;
#else
    (void)code;
    return 0;
#endif
}

/* Is a call before this return address? `code` is it, with 7 readable bytes before it. */
static inline bool code_follows_call(const uint8_t *code)
{
#if defined(__x86_64__) || defined(__i386__)
    if (code[-5] == 0xe8)
        return true;
    for (int back = 2; back <= 7; back++) {
        if (code[-back] == 0xff && (code[1 - back] & 0x38) == 0x10)
            return true;
    }
    return false;
#elif defined(__aarch64__)
    uint32_t call;
    memcpy(&call, code - 4, sizeof call);
    return call >> 26 == 0x25 || (call & 0xfffffc1fu) == 0xd63f0000u; /* bl, blr */
#elif defined(__riscv)
    uint32_t call;
    uint16_t small;
    memcpy(&call, code - 4, sizeof call);
    memcpy(&small, code - 2, sizeof small);
    bool is_small = (small & 0xf07fu) == 0x9002u && (small & 0x0f80u) != 0;        /* c.jalr */
    return is_small || (call & 0x0fffu) == 0x00efu || (call & 0x0fffu) == 0x00e7u; /* jal, jalr with ra */
#else
    (void)code;
    return false;
#endif
}

#endif
