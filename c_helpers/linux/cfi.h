/* SPDX-License-Identifier: Apache-2.0
 *
 * How to get from a function's frame to its caller's, by the unwind information of .eh_frame.
 */
#ifndef MEMTRACE_LINUX_CFI_H
#define MEMTRACE_LINUX_CFI_H

#include <stdbool.h>
#include <stdint.h>

#include "modules.h"

enum cfa_how {
    CFA_NOWHERE = 0, /* this is no code */
    CFA_UNKNOWN,     /* nothing says */
    CFA_SP,          /* sp + n */
    CFA_FP,          /* fp + n */
    CFA_AT_FP,       /* the word at fp + n */
    CFA_SIGNAL,      /* the kernel has pushed all registers at sp */
    CFA_END          /* nobody has called this */
};

enum fp_how {
    FP_SAME = 0,
    FP_AT_CFA, /* saved at CFA + n */
    FP_AT_FP   /* saved at fp + n */
};

/* What holds at one return address, in 16 bytes: some thousand of them stay in the first cache. */
struct rule {
    uintptr_t pc;
    int16_t ra, fp;    /* where the return address is, from the CFA on; n of fp */
    uint32_t cfa : 24; /* n of the CFA, plus CFA_BIAS */
    uint32_t cfa_how : 3, fp_how : 2;
    uint32_t is_simple : 1;  /* sp or fp and distances alone */
    uint32_t after_call : 1; /* a call stands before `pc` */
};

#define RA_IN_REGISTER INT16_MAX /* in place of `ra` */
#define CFA_BIAS (1u << 23)

static inline uintptr_t rule_offset(int32_t offset)
{
    return (uintptr_t)(intptr_t)offset;
}

static inline uintptr_t rule_cfa_offset(const struct rule *rule)
{
    return (uintptr_t)rule->cfa - CFA_BIAS;
}

/* The rule for a return address, or, if `exact`, for an instruction that was interrupted. */
struct rule cfi_rule(const struct module *module, uintptr_t pc, bool exact);

#endif
