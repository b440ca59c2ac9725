/* SPDX-License-Identifier: Apache-2.0
 *
 * A second reading of the format, from the bytes and docs/reference/format.md alone: nothing of the recorder's own headers
 * is used here, so that the two cannot be wrong together.
 */
#ifndef READER_H
#define READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memtrace_format.h"

enum { NO_EVENT = -1, LINK_NONE = -2 };
#define TIME_UNKNOWN UINT64_MAX

/* A ring's bytes as they were at one moment. */
struct reader {
    struct memtrace_header header;
    const unsigned char *bytes;
    uint64_t issued; /* the sequence number that the next event would get */
};

struct seen {
    uint64_t words[4];
    uint64_t address;
    uint64_t size;
    unsigned heap;
    uint64_t stack;
    unsigned context;
    unsigned tag;
    uint32_t time;
    uint32_t lap;
    unsigned core;
    unsigned kind;
};

/* Copies the ring; the copy is freed by reader_close. */
struct reader reader_open(const struct memtrace_header *ring);
void reader_close(struct reader *reader);

struct seen reader_slot(const struct reader *reader, uint32_t index);

/* The event with this sequence number; false: overwritten, lost or being written. */
bool reader_event(const struct reader *reader, uint64_t sequence, struct seen *seen);
uint64_t reader_first(const struct reader *reader);
uint32_t reader_kept(const struct reader *reader);
uint32_t reader_busy(const struct reader *reader);

/* The last event of a kind, counted from the newest; it must be there. */
struct seen reader_last(const struct reader *reader, unsigned kind);
uint64_t reader_last_sequence(const struct reader *reader, unsigned kind);
uint32_t reader_count(const struct reader *reader, unsigned kind);

/* PCs of the event, innermost first, in `pcs` (32 of them at most): of its stack, or of a CALLER record. */
unsigned reader_stack(const struct reader *reader, uint64_t sequence, uint64_t pcs[32]);

/* The sequence number of the BEGIN that a REALLOC_END belongs to, or LINK_NONE. */
int64_t reader_link(const struct reader *reader, uint64_t sequence);

/* The full time of an event, or TIME_UNKNOWN; or of all from reader_first on, to be freed. */
uint64_t reader_time(const struct reader *reader, uint64_t sequence);
uint64_t *reader_times(const struct reader *reader);

const struct memtrace_name *reader_name(const struct reader *reader, uint32_t number);

/* The entry of the live table for an address, or false; `moving` is whether its reallocation is under way. */
bool reader_live(const struct reader *reader, uint64_t address, struct seen *seen, uint32_t *sequence, bool *moving);
uint32_t reader_live_count(const struct reader *reader);

#endif
