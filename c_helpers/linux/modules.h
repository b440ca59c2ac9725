/* SPDX-License-Identifier: Apache-2.0
 *
 * Where code is in this process: programs and libraries with their unwind information, and code that is in no file.
 *
 * Approach: /proc/self/maps, read anew when code is met that is in none of them, or after dlopen and dlclose; the ELF headers in memory.
 * Rejected: dl_iterate_phdr (the loader's lock, which may be held by who waits for a lock of the program that we are called under).
 */
#ifndef MEMTRACE_LINUX_MODULES_H
#define MEMTRACE_LINUX_MODULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct module {
    uintptr_t start, end; /* of its code */
    uintptr_t low, high;  /* of all that is mapped of the file */
    uintptr_t base;       /* what was added to the file's addresses */
    uintptr_t unwind;     /* its .eh_frame_hdr, or 0 */
    uint64_t identity;    /* of file and place */
};

/* Increased when rules that were found may not hold any more. */
extern uint32_t modules_generation;

/* In a new process, or a child: all are defined in the log. */
void modules_start(void);

/* Something may have been unloaded: what was known does not hold any more. */
void modules_changed(void);

/* Something is about to be loaded: code that is nowhere is worth another look. */
void modules_expect(void);

/* Copies the module whose code `pc` is; false: there is none. */
bool modules_find(uintptr_t pc, struct module *found);

#endif
