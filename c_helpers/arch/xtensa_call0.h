/* SPDX-License-Identifier: Apache-2.0
 *
 * How a call0 Xtensa function (ESP8266) that keeps a frame pointer leaves its return address and its caller's frame behind;
 * see arch/riscv.h for the approach.
 *
 * GCC saves a0, then a12 to a14 as far as they are used, then a15 at the *end* of the frame, and nothing at its start says
 * where that is. But a15 is the stack pointer, and the caller's stack pointer is this frame's end: so the saved a15 is a
 * word that holds the address some words above itself. frame_next looks for it. A frame is named by its function's caller's
 * stack pointer, so the allocator's entry, whose end the compiler knows, needs no search.
 * Rejected: decoding the function's first instructions (reads code, which a flash cache may not serve now).
 * Cost: three or four loads for every 16 bytes of frame.
 * Assumptions: an array that its function did not fill may hold such a word of an earlier call: then a return that was real
 * once stands in the chain. MEMTRACE_DEPTH=1 leaves no doubt. Callers without frame pointers, or with alloca, are passed over.
 */
#ifndef MEMTRACE_ARCH_XTENSA_CALL0_H
#define MEMTRACE_ARCH_XTENSA_CALL0_H

#include <stdbool.h>
#include <stdint.h>

/* The frame's end, which is the caller's stack pointer. */
#define MEMTRACE_CALLER() MEMTRACE_CALLER_OF(__builtin_return_address(0), __builtin_dwarf_cfa())

#ifdef MEMTRACE_RECORDER

#include "memtrace_port.h"

#define MEMTRACE_ARCH_ID MEMTRACE_ARCH_XTENSA
#define MEMTRACE_ABI_ID MEMTRACE_ABI_XTENSA_CALL0
#define FRAME_ALIGNMENT 16u
#define FRAME_BYTES_BELOW 0u
#define FRAME_BYTES_ABOVE 0u
#define FRAME_PC_ALIGNMENT 1u /* instructions have two or three bytes */
#define ATOMIC_STORES_PLAIN 0
#define FRAME_LONGEST 512u /* bytes; the chain ends at a longer one */

static inline void frames_save(void)
{
}

static inline uintptr_t frames_region(void)
{
    return 0;
}

static inline uintptr_t frame_code(uintptr_t pc)
{
    return pc;
}

/* Does a frame end here: a return address, and among the words below it the end's own address? */
static inline bool frame_ends(uintptr_t frame, uintptr_t end)
{
    const uintptr_t *word = (const uintptr_t *)end;
    bool names = word[-2] == end || word[-3] == end || word[-4] == end || (end - frame > 16u && word[-5] == end);
    return names && memtrace_port_is_code(word[-1]);
}

/* 0: there is none within reach. */
static inline uintptr_t frame_next(uintptr_t frame, uintptr_t limit)
{
    uintptr_t last = limit < frame + FRAME_LONGEST ? limit : frame + FRAME_LONGEST;
    for (uintptr_t end = (frame | (FRAME_ALIGNMENT - 1u)) + 1u; end <= last; end += FRAME_ALIGNMENT) {
        if (frame_ends(frame, end))
            return end;
    }
    return 0;
}

static inline uintptr_t frame_pc(uintptr_t frame, uintptr_t next)
{
    (void)frame;
    return ((const uintptr_t *)next)[-1];
}

#endif

#endif
