/* SPDX-License-Identifier: Apache-2.0
 *
 * Force-include this into the allocator (-include memtrace_tlsf_assert.h): its assertions then stop in the debugger with
 * the ring frozen, and abort as before. The allocator's source stays as it is.
 */
#ifndef MEMTRACE_TLSF_ASSERT_H
#define MEMTRACE_TLSF_ASSERT_H

#include "memtrace.h"

/* The C library's own, named as its assert macro names it; a port without it defines MEMTRACE_ASSERT_ABORT. */
#ifndef MEMTRACE_ASSERT_ABORT
#include <stdlib.h>
#define MEMTRACE_ASSERT_ABORT() abort()
#endif

/* Attributes that place the function below where the allocator's code lies, for who keeps that in a section of its own. */
#ifndef MEMTRACE_ASSERT_PLACE
#define MEMTRACE_ASSERT_PLACE
#endif

/* A symbol of its own in each program whose allocator has the hook: by it the hook is known to be in, before it fires. */
__attribute__((weak, noinline, cold)) void memtrace_tlsf_assertion(struct memtrace_caller caller, const char *text,
                                                                   unsigned line, const char *function);
MEMTRACE_ASSERT_PLACE void memtrace_tlsf_assertion(struct memtrace_caller caller, const char *text, unsigned line,
                                                   const char *function)
{
    memtrace_assert_failed(caller, text, line, function);
    MEMTRACE_ASSERT_ABORT();
}

/* Macros because the expression's text and place are wanted. */
#define tlsf_assert(condition) \
    ((condition) ? (void)0 : memtrace_tlsf_assertion(MEMTRACE_CALLER(), #condition, __LINE__, __func__))

#endif
