/* SPDX-License-Identifier: Apache-2.0
 *
 * The stack of calls of a thread.
 *
 * Approach: rules by return address, kept by each thread, each with a link to the rule that its caller had the last time. The frames of the last walk
 * are kept, too, with every word of the stack that it read: where a new walk comes to the same frame (same place, same return address), and all words
 * from there outwards are as they were, the rest is known, exactly. Where that does not pay, walks are plain for a while. Nothing is read that
 * the kernel was not asked about.
 * Rejected: a frame in common as proof for those outside it; patched return addresses (exceptions, shadow stacks); libunwind (its cost is what
 * we want to be compared with).
 */
#ifndef MEMTRACE_LINUX_UNWIND_H
#define MEMTRACE_LINUX_UNWIND_H

#include <stdbool.h>
#include <stdint.h>

#include "machine.h"

#define DEPTH_MOST 255u

/* What a stack's outer end is; the numbers of a DEF_STACK's heap field. */
enum stack_end { STACK_WHOLE = 0, STACK_CUT = 1, STACK_LOST = 2 };

struct stack {
    uint64_t hash; /* of its PCs and its end; never 0 */
    unsigned depth;
    enum stack_end end;
    uint32_t *number;     /* where its number may be kept; or NULL */
    const uintptr_t *pcs; /* or NULL: unwind_pcs finds them */
};

struct walker;

/* NULL: there is no memory for it. */
struct walker *walker_new(void);
void walker_free(struct walker *walker);

/* It is another thread's now, with another stack. */
void walker_forget(struct walker *walker);

/* The stack whose innermost function called a hook, up to options.depth frames. Returns the number that is kept for it; else 0, and `stack` is
 * what was found, until the next call. */
uint32_t unwind(struct walker *walker, const struct caller *from, struct stack *stack);

/* The PCs of the stack that was found last, innermost first. */
const uintptr_t *unwind_pcs(struct walker *walker, const struct stack *stack);

/* The same for a stack of one frame. */
uint32_t unwind_caller(struct walker *walker, const struct caller *from, struct stack *stack);

/* Memory was given back that a stack may have been in. */
void unwind_forget_readable(void);

#endif
