/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a log goes: the contract between the sink, which makes a log of the recorder's ring, and an output, which takes its bytes: a
 * file, a flash partition, a serial line.
 *
 * Approach: an output is a struct of functions that begins its own struct. It knows nothing of records; the sink knows nothing of
 * sectors. What must stand alone (one of two files in turn, a part of a flash ring) is a part: the output says how many
 * bytes one has, and the sink begins each with a header, and defines again what its events name.
 */
#ifndef MEMTRACE_SINK_H
#define MEMTRACE_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct memtrace_output {
    /* Takes `count` bytes, all or none: whole records, a multiple of an event's size. The first of a log is a header. false: it takes
     * no more; the sink counts what it has then, and asks no more until the next start. It may wait and allocate, if it is
     * not `polled`: it is called from memtrace_sink_poll alone. A call that a reset cut short is made again after it, with the same
     * bytes. */
    bool (*write)(struct memtrace_output *output, const void *bytes, size_t count);
    /* Makes safe what was written, and holds nothing open. A write may follow, with the next records of the same log. NULL: there is
     * nothing to do. */
    bool (*close)(struct memtrace_output *output);
    /* A run begins: the next write is its header. What is written before, after a reset, is the rest of the run that died. NULL: there is
     * nothing to do. */
    bool (*begin)(struct memtrace_output *output);
    /* Begins the next part, in place of the oldest one: the next write is its header. NULL: there is one part, and it ends for good. */
    bool (*turn)(struct memtrace_output *output);
    uint32_t part_bytes; /* of one part, at most; 0: no limit */
    bool polled;         /* it may be called at an assertion: interrupts off, the allocator's lock held, no libc */
};

#ifdef __cplusplus
}
#endif

#endif
