/* SPDX-License-Identifier: Apache-2.0
 *
 * Do the hooks work? Compile memtrace_selftest.c (with C++ memtrace_selftest_new.cpp, too) into the firmware, with the flags of your own
 * code, and call it once, from a task, when the recorder records:
 *
 *     uint32_t missing = memtrace_selftest();
 *     puts(memtrace_selftest_text(missing));
 *
 * It calls each entry of the allocator that the program has, with blocks of some 60 bytes, and looks whether the recorder has one event
 * of it, with the right size, and with this caller. memtrace_port.h may say what the entries are:
 *
 *     MEMTRACE_SELFTEST_ALLOC(size), _FREE(block), _CALLOC(count, size), _REALLOC(block, size)    C's, if it says nothing
 *     MEMTRACE_SELFTEST_ALIGNED(alignment, size)    none, if it says nothing
 *     MEMTRACE_SELFTEST_FREES                       0: nothing is ever given back; 1, if it says nothing
 *     MEMTRACE_SELFTEST_ROUNDING                    0: sizes are those asked for; else so many bytes more may be recorded
 *     MEMTRACE_SELFTEST_ASSERT                      1: the allocator is a TLSF with the hook of memtrace_tlsf_assert.h
 *     MEMTRACE_SELFTEST_ASSERT_TEXT                 the sentence about that hook, where it is another one
 *
 * An entry of the first two lines that there is not is defined as MEMTRACE_SELFTEST_NONE.
 */
#ifndef MEMTRACE_SELFTEST_H
#define MEMTRACE_SELFTEST_H

#include <stdint.h>

#define MEMTRACE_SELFTEST_NONE memtrace_selftest_none

/* In place of entries: the recorder is off, or keeps something out, and nothing was tested. */
#define MEMTRACE_SELFTEST_OFF ((uint32_t)1 << 31)

#define MEMTRACE_SELFTEST_SIZE 61u /* bytes, of most of its blocks */

#ifdef __cplusplus
extern "C" {
#endif

/* Bits of enum memtrace_entry: those whose hook is missing or wrong. 0: all work. */
uint32_t memtrace_selftest(void);

/* What that means, in a sentence about the first of them. */
const char *memtrace_selftest_text(uint32_t missing);

/* What stands in the place of a block where the program has no such entry. */
extern void *const memtrace_selftest_none;

/* In memtrace_selftest_new.cpp: a block of MEMTRACE_SELFTEST_SIZE by operator new, and its operator delete. A program without that file
 * has no C++. */
void *memtrace_selftest_new(void *unused);
void *memtrace_selftest_delete(void *block);

#ifdef __cplusplus
}
#endif

#endif
