// SPDX-License-Identifier: Apache-2.0
//
// A C++ program that records through the header's own macros: each call, from a function whose name a test knows.
#include "memtrace.h"
#include "memtrace_tlsf_assert.h"
#include "real.h"

#define ENTRY extern "C" __attribute__((noinline))

static char blocks[2][64];

ENTRY void *entry_alloc(size_t size)
{
    memtrace_alloc(MEMTRACE_CALLER(), blocks[0], size, 0);
    return blocks[0];
}

ENTRY void entry_free(void *block)
{
    memtrace_free(MEMTRACE_CALLER(), block, 0);
}

ENTRY void *entry_realloc(void *block, size_t size)
{
    memtrace_realloc begun = memtrace_realloc_begin(MEMTRACE_CALLER(), block, size, 0);
    memtrace_realloc_end(begun, block, blocks[1], size, 0);
    return blocks[1];
}

ENTRY void entry_check(bool holds)
{
    tlsf_assert(holds);
}

ENTRY void user()
{
    void *block = entry_realloc(entry_alloc(30), 40);
    memtrace_mark("C++");
    entry_free(block);
    entry_check(true);
    asm volatile(""); // no tail call: the frame is looked for
}

int main(int, char **arguments)
{
    return real_run(user, arguments[1]);
}
