// SPDX-License-Identifier: Apache-2.0
//
// C++'s part of the self-test of the hooks: memtrace_selftest.h says how it is used.
#include "memtrace_selftest.h"

#include <new>

// The statement behind each call keeps this function in the place of the caller.
extern "C" __attribute__((noinline)) void *memtrace_selftest_new(void *)
{
    void *block = ::operator new(MEMTRACE_SELFTEST_SIZE);
    __asm__ volatile("" : "+r"(block) : : "memory");
    return block;
}

extern "C" __attribute__((noinline)) void *memtrace_selftest_delete(void *block)
{
    ::operator delete(block);
    __asm__ volatile("" : : : "memory");
    return nullptr;
}
