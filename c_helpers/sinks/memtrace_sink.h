/* SPDX-License-Identifier: Apache-2.0
 *
 * A log of what the recorder records, while it records: how firmware starts it and who drains the ring; docs/how-to/write-a-log.md says
 * how. And where a log goes: the contract between the sink, which makes a log of the recorder's ring, and an output, which takes its bytes: a
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
     * bytes and the same `taken`. */
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
    uint32_t taken;      /* bytes of this part, before those that write is called with; the sink sets it */
    bool polled;         /* it may be called at an assertion: interrupts off, the allocator's lock held, no libc */
};

/* Bytes that a sink takes beside its buffer, for a table of stacks of `stack_bytes` (memtrace_config). */
#define MEMTRACE_SINK_BYTES(stack_bytes, buffer) (1024u + (stack_bytes) / (24u * sizeof(void *)) + (buffer))

/* Begins the log of the ring that memtrace_init has made, into `output`. `memory`, aligned to 8 bytes, holds what the sink must
 * remember and its buffer; at least MEMTRACE_SINK_BYTES(stack_bytes, 1024). Both must stay. If the ring of the run before outlived a
 * reset (memtrace_init_retained), what the log lacks of it is written now; if `memory` and the output lie in memory that a
 * reset leaves alone, too, it goes on where that run's log ended. false: there is no ring, or too little memory. */
bool memtrace_sink_start(void *memory, size_t bytes, struct memtrace_output *output);

/* Drains: takes what was recorded since into the buffer, and writes that if it is half full, or if nothing came since the last time. Call it
 * from one task, often enough that the ring is not overwritten in between: that is lost then, and counted. It may wait as long as
 * the output does; nobody else waits for it. What it allocates itself is recorded, and a call from within returns at once. After
 * memtrace_stop it writes everything and closes the output; after memtrace_start it goes on. */
void memtrace_sink_poll(void);

/* Writes everything and closes the output: before a restart of the chip, or before the card is taken out. */
void memtrace_sink_flush(void);

/* Events that the log will never have, because the output takes no more (a full disk); 0 while it takes them. */
uint64_t memtrace_sink_dropped(void);

/* The ring with its stacks, names and live table as a log, without a debugger: calls `write` with one piece after the other until it
 * returns false. What is recorded meanwhile is not in it. Its memory is static, MEMTRACE_DUMP_BYTES (memtrace_dump.c): one at a
 * time. false: write returned it, there is no ring, another dump is under way, or that memory is too small. */
bool memtrace_dump(bool (*write)(void *context, const void *bytes, size_t count), void *context);

#ifdef __cplusplus
}
#endif

#endif
