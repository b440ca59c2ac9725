/* SPDX-License-Identifier: Apache-2.0
 *
 * An architecture of the recorder is one file of this folder. It is chosen here and nowhere else.
 *
 * To add one: copy riscv.h, fill it as below, add a line to the choice at the end, and give it a number in enum memtrace_arch
 * (memtrace_format.h). A file of assembly beside it is compiled by who builds for it (xtensa_windowed.S).
 *
 * For everybody who includes memtrace.h:
 *   MEMTRACE_CALLER()   the struct memtrace_caller of the function that it stands in. A macro, or a function that is always
 *                       inlined: it reads that function's frame. The default below serves wherever the compiler's frame address
 *                       is what names a frame.
 *
 * For the recorder's own files, under #ifdef MEMTRACE_RECORDER, so that no other program sees these names:
 *   MEMTRACE_ARCH_ID    its number, for the header that a host reads
 *   MEMTRACE_ABI_ID     how PCs are found: enum memtrace_abi, a new one if a host must do something else with them
 *   FRAME_ALIGNMENT     bytes; a frame's address that is no multiple of it ends the walk
 *   FRAME_BYTES_BELOW   bytes that frame_next and frame_pc read under a frame's address
 *   FRAME_BYTES_ABOVE   bytes that they read from it on; the recorder has proven both to lie in the stack in use
 *   FRAME_PC_ALIGNMENT  bytes; a PC that is no multiple of it ends the walk
 *   frames_save()       brings to the stack whatever of the callers is still in registers; before every walk
 *   frame_next(frame, limit)  address of the frame above; it may be any number: the recorder checks it. `limit` is the highest
 *                       address that it may have. Nothing above `limit` may be read
 *   frame_pc(frame, next)     the return address between the two, once `next` is checked
 *   FRAME_RULES         in place of the two above, where a frame is found by its function's code (arm.h): the name of the file that
 *                       says what the code of a return address says (thumb.h)
 *   frame_code(pc)      the address of code that a kept PC stands for
 *   frames_region()     what PCs lack of an address of code, for the header; 0: nothing
 *   ATOMIC_STORES_PLAIN 1: a store that must be one access is an ordinary one to a volatile word, and a publication a fence and
 *                       that, because the compiler makes something dearer of an atomic store; and an exchange that acquires
 *                       keeps the stores after it behind it. 0 is right everywhere
 *   ATOMIC_NEXT(place)  adds 1 to the 32-bit word at `place` and gives what was there, as __atomic_fetch_add(place, 1,
 *                       __ATOMIC_ACQ_REL) does, in fewer instructions. Only where the compiler wastes some
 *   ATOMIC_SWAP(place, value)  puts the value into the word at `place` and gives what was there, as __atomic_exchange_n(place, value,
 *                       __ATOMIC_ACQUIRE) does. Only where the compiler wastes instructions
 *
 * Atomic steps need no entry. Words of 4 bytes and of a pointer are exchanged by instructions where the compiler has them
 * (__GCC_HAVE_SYNC_COMPARE_AND_SWAP_4, _8), else under the port's lock (recorder/atomic.h).
 */
#ifndef MEMTRACE_ARCH_H
#define MEMTRACE_ARCH_H

#include <stdint.h>

/* Who called the allocator: the return address and the frame address of its entry function, as MEMTRACE_CALLER() gives
 * them. A frame of one's own making must lie in the stack in use: the quick way reads it unasked. */
struct __attribute__((aligned(2 * sizeof(void *)))) memtrace_caller {
    uintptr_t pc;
    uintptr_t frame;
};

/* C's compound literal is none of C++'s. */
#ifdef __cplusplus
#define MEMTRACE_CALLER_OF(pc, frame) \
    (memtrace_caller{reinterpret_cast<uintptr_t>(pc), reinterpret_cast<uintptr_t>(frame)})
#else
#define MEMTRACE_CALLER_OF(pc, frame) ((struct memtrace_caller){(uintptr_t)(pc), (uintptr_t)(frame)})
#endif

#if defined(__riscv)
#include "riscv.h"
#elif defined(__x86_64__) || defined(__i386__)
#include "x86.h"
#elif defined(__XTENSA_WINDOWED_ABI__)
#include "xtensa_windowed.h"
#elif defined(__XTENSA_CALL0_ABI__)
#include "xtensa_call0.h"
#elif defined(__aarch64__)
#include "aarch64.h"
#elif defined(__thumb2__)
#include "arm.h"
#elif defined(__thumb__)
#define MEMTRACE_ARM_SHORT 1 /* short instructions alone: Cortex-M0, M23 */
#include "arm.h"
#elif defined(MEMTRACE_RECORDER)
#error "memtrace: no file for this architecture in c_helpers/arch"
#endif

#ifndef MEMTRACE_CALLER
#define MEMTRACE_CALLER() MEMTRACE_CALLER_OF(__builtin_return_address(0), __builtin_frame_address(0))
#endif

#endif
