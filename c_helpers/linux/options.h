/* SPDX-License-Identifier: Apache-2.0
 *
 * What the environment asks of the recorder of a Linux process; docs/reference/linux-recorder.md lists the variables.
 */
#ifndef MEMTRACE_LINUX_OPTIONS_H
#define MEMTRACE_LINUX_OPTIONS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIZE_RANGES 16u

struct options {
    char log[PATH_MAX]; /* with %p and %n; empty: the default */
    unsigned depth;
    struct {
        size_t least, most;
    } sizes[SIZE_RANGES]; /* that get whole stacks */
    unsigned size_ranges; /* 0: all do */
    bool free_stacks, paused, children;
    uint64_t summary; /* 0: no process prints one; 1: each does; else the number of the one that does */
    uint64_t peak;    /* bytes; 0: none is watched */
    int signal;       /* 0: none */
    uint64_t max_log, reserve;
};

extern struct options options;

/* Before the first event; the environment may change later. */
void options_read(void);

/* Does a block of this size get its whole stack? */
static inline bool options_want_stack(size_t size)
{
    if (options.size_ranges == 0)
        return true;
    for (unsigned i = 0; i < options.size_ranges; i++) {
        if (size >= options.sizes[i].least && size <= options.sizes[i].most)
            return true;
    }
    return false;
}

#endif
