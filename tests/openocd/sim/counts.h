/* SPDX-License-Identifier: Apache-2.0
 *
 * What has passed, for tests and benchmarks: one array in a file that others may map or read at any time.
 * tests/support/openocd.py names them in the same order.
 */
#ifndef COUNTS_H
#define COUNTS_H

#include <stdint.h>

enum count {
    COUNT_CLOCKS,         /* rising edges of TCK */
    COUNT_BITS,           /* bits shifted through IR and DR */
    COUNT_SCANS,          /* scans of IR and DR */
    COUNT_DMI,            /* DMI reads and writes that were made */
    COUNT_DMI_BUSY,       /* DMI scans answered with busy */
    COUNT_PROGBUF_READS,  /* loads by the program buffer */
    COUNT_SYSBUS_READS,   /* reads by the system bus */
    COUNT_ABSTRACT_READS, /* reads by the abstract command "access memory" */
    COUNT_PACKETS,        /* packets sent to the emulator's gdb stub */
    COUNT_FETCHED,        /* bytes of memory asked of it */
    COUNTS
};

extern uint64_t *counts;

static inline void count_add(enum count which, uint64_t more)
{
    counts[which] += more;
}

#endif
