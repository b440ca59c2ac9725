/* SPDX-License-Identifier: Apache-2.0
 *
 * The bounds of the program's code by the names that linker scripts give them, for ports without a vendor's script. Internal.
 *
 * Approach: linker scripts name these bounds differently. Each name that is in use is asked for weakly; the ones that a script does
 * not have are NULL.
 * Rejected: a linker script beside the user's (what it sees of his symbols depends on the order of the files), and one script's names.
 */
#ifndef MEMTRACE_PORTS_BOUNDS_H
#define MEMTRACE_PORTS_BOUNDS_H

#include <stddef.h>
#include <stdint.h>

/* Names that the user gives must be there: else the program does not link. */
#ifdef MEMTRACE_STACK_TOP
extern const char MEMTRACE_STACK_TOP[];
#endif
#ifdef MEMTRACE_CODE_START
extern const char MEMTRACE_CODE_START[];
#endif
#ifdef MEMTRACE_CODE_END
extern const char MEMTRACE_CODE_END[];
#endif
extern __attribute__((weak)) const char __text_start[], __text_start__[], _stext[], __executable_start[], _ftext[];
extern __attribute__((weak)) const char __text_end[], __text_end__[], _etext[], __etext[], etext[], _start[];

static const char *const code_starts[] = {
#ifdef MEMTRACE_CODE_START
    MEMTRACE_CODE_START,
#endif
    __text_start,
    __text_start__,
    _stext,
    __executable_start,
    _ftext,
#ifdef __riscv
    _start, /* elsewhere it lies amid the code */
#endif
};

static const char *const code_ends[] = {
#ifdef MEMTRACE_CODE_END
    MEMTRACE_CODE_END,
#endif
    __text_end,        __text_end__, _etext, __etext, etext,
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* The first of the places that there is, and that lies below `limit`; 0: none. */
static inline uintptr_t place_below(uintptr_t limit, const char *const *places, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uintptr_t address = (uintptr_t)places[i];
        if (address != 0 && address < limit)
            return address;
    }
    return 0;
}

static inline uintptr_t code_end_find(void)
{
    return place_below(UINTPTR_MAX, code_ends, COUNT(code_ends));
}

/* 0: no name says it. */
static inline uintptr_t code_start_find(uintptr_t end)
{
    return place_below(end, code_starts, COUNT(code_starts));
}

#endif
