/* SPDX-License-Identifier: Apache-2.0
 *
 * The format in the widths of the machine that is compiled for: what the recorder and the encoder of logs write.
 */
#ifndef MEMTRACE_WORDS_H
#define MEMTRACE_WORDS_H

#include "memtrace_format.h"

#if UINTPTR_MAX > 0xffffffffu
typedef uint64_t memtrace_word; /* as wide as a pointer */
typedef struct memtrace_event64 memtrace_event;
typedef struct memtrace_live64 memtrace_live;
#define TIME_BITS MEMTRACE_TIME_BITS_64
#define SEQ_BITS MEMTRACE_SEQ_BITS_64
#define STACK_BITS MEMTRACE_STACK_BITS_64
#define CONTEXT_BITS MEMTRACE_CONTEXT_BITS_64
#else
typedef uint32_t memtrace_word;
typedef struct memtrace_event32 memtrace_event;
typedef struct memtrace_live32 memtrace_live;
#define TIME_BITS MEMTRACE_TIME_BITS_32
#define SEQ_BITS MEMTRACE_SEQ_BITS_32
#define STACK_BITS MEMTRACE_STACK_BITS_32
#define CONTEXT_BITS MEMTRACE_CONTEXT_BITS_32
#endif

#define WORD_BITS (8u * (unsigned)sizeof(memtrace_word))
#define WORD_ONES ((memtrace_word)-1)
#define SIZE_BITS (WORD_BITS - MEMTRACE_HEAP_BITS)
#define SIZE_MAX_RECORDED (WORD_ONES >> MEMTRACE_HEAP_BITS)
#define LAP_SHIFT (MEMTRACE_KIND_BITS + MEMTRACE_CORE_BITS)
#define TIME_SHIFT (LAP_SHIFT + SEQ_BITS)
#define STACK_SHIFT (CONTEXT_BITS + MEMTRACE_TAG_BITS)
#define STACK_MASK (WORD_ONES >> STACK_SHIFT)
#define OWNER_MASK (((memtrace_word)1 << STACK_SHIFT) - 1u) /* context and tag */
/* An event says the low bits of its time. They tell all of it if it lies less than TIME_NEAR behind the SYNC's, and before it by no
 * more than TIME_SKEW, by which the clocks of two cores may differ. */
#define TIME_SKEW ((memtrace_word)1 << (TIME_BITS - 2u))
#define TIME_NEAR ((memtrace_word)1 << (TIME_BITS - 1u))

#endif
