/* SPDX-License-Identifier: Apache-2.0
 *
 * The encoder of logs: one record into the caller's buffer, as docs/reference/format.md section 9 has it, in the widths of the
 * machine that it runs on.
 *
 * Approach: each function writes one record and returns its bytes, a multiple of an event's. It writes no more than its macro
 * MEMTRACE_LOG_..._BYTES says, so that a caller can ask for the room first. What a log must remember from one event to the
 * next is a struct of two numbers, one for each stream. So firmware and the recorder of a process use the same code, with the files, threads and
 * buffers that each has.
 * Rejected: an encoder with a buffer and a file of its own (a thread writes into its own region, firmware into a sink).
 * Cost: 30 instructions an event; none allocates, waits or recurses.
 * Assumptions: `to` is aligned as a word is. Texts and PCs that a record takes do not overlap it.
 */
#ifndef MEMTRACE_LOG_H
#define MEMTRACE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memtrace_words.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MEMTRACE_LOG_DEPTH 255u /* frames of a stack in a log */

/* Bytes that a record takes. */
#define MEMTRACE_LOG_HEADER_BYTES sizeof(struct memtrace_header)
#define MEMTRACE_LOG_EVENT_BYTES (2u * sizeof(memtrace_event)) /* with a SYNC before it */
#define MEMTRACE_LOG_ROW_BYTES sizeof(memtrace_event)
#define MEMTRACE_LOG_PAYLOAD_BYTES(bytes) \
    ((((size_t)(bytes) + sizeof(memtrace_event) - 1u) / sizeof(memtrace_event) + 1u) * sizeof(memtrace_event))
#define MEMTRACE_LOG_STACK_BYTES(depth) MEMTRACE_LOG_PAYLOAD_BYTES((depth) * sizeof(memtrace_word))
#define MEMTRACE_LOG_HEAP_BYTES(name) MEMTRACE_LOG_PAYLOAD_BYTES(sizeof(struct memtrace_heap_name) + (name))
#define MEMTRACE_LOG_MODULE_BYTES(id, path) MEMTRACE_LOG_PAYLOAD_BYTES(1u + (id) + (path))
#define MEMTRACE_LOG_STREAM_BYTES MEMTRACE_LOG_PAYLOAD_BYTES(sizeof(struct memtrace_stream))
#define MEMTRACE_LOG_COUNTS_BYTES MEMTRACE_LOG_PAYLOAD_BYTES(sizeof(struct memtrace_counts))
#define MEMTRACE_LOG_FAILURE_BYTES(function, text) MEMTRACE_LOG_PAYLOAD_BYTES((function) + 1u + (text))

/* What the next event of a stream is told from. All zeros at a stream's beginning. */
struct memtrace_log {
    uint64_t next; /* number that the next event has if none is missing */
    uint64_t time; /* of the last SYNC */
};

struct memtrace_log_event {
    enum memtrace_kind kind; /* below 16 */
    unsigned core;
    unsigned heap;
    uint64_t number; /* not less than `next` of the stream */
    uint64_t time;   /* in units of the header's tick_hz */
    memtrace_word address;
    memtrace_word size;  /* a larger one than a field can say is cut to the largest */
    memtrace_word stack; /* its number; of a realloc-end: its number less that of its begin, 0: not known */
    memtrace_word context;
    memtrace_word tag;
};

/* The header that opens a log, or a run in it. The caller has set what only he knows: arch, abi, tick_hz, build_id, code_region,
 * required, run, started, process; nothing else is kept. The stream's state begins anew. */
size_t memtrace_log_header(struct memtrace_log *log, struct memtrace_header *header);

/* An event; before it a SYNC if its number or time would not be told otherwise. Rows of CALLER and TIME stand for their numbers alone: their
 * time tells nothing and needs no SYNC. */
size_t memtrace_log_event(struct memtrace_log *log, void *to, const struct memtrace_log_event *event);

/* A SYNC that has a number of its own, as one of a ring has. The events behind it are told from `time`. */
size_t memtrace_log_sync(struct memtrace_log *log, void *to, uint64_t number, uint64_t time);

/* A block that lives and was allocated before the log's first event. Of `block`: address, size, heap, stack, context, tag. */
size_t memtrace_log_live(void *to, const struct memtrace_log_event *block);

/* Definitions: each before the first record that names it. `depth` frames, at most MEMTRACE_LOG_DEPTH, innermost first. Lengths of texts
 * are in bytes, without any NUL. */
size_t memtrace_log_stack(void *to, memtrace_word number, const memtrace_word *pcs, unsigned depth);
size_t memtrace_log_name(void *to, memtrace_word number, enum memtrace_name_kind kind, const char *text, size_t length);
size_t memtrace_log_heap(void *to, memtrace_word number, const struct memtrace_heap_name *memory, const char *text,
                         size_t length);
size_t memtrace_log_module(void *to, uintptr_t base, const uint8_t *id, uint8_t id_bytes, const char *path,
                           size_t length);

/* The next stream.bytes bytes are records of the stream `number`. */
size_t memtrace_log_stream(void *to, memtrace_word number, const struct memtrace_stream *stream);

/* What was lost since the run began. */
size_t memtrace_log_counts(void *to, const struct memtrace_counts *counts);

/* The words of the ASSERT event before it. */
size_t memtrace_log_failure(void *to, const char *function, size_t function_length, const char *text, size_t length);

#ifdef __cplusplus
}
#endif

#endif
