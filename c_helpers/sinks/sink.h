/* SPDX-License-Identifier: Apache-2.0
 *
 * What makes a log of a ring: a sink's memory, and the steps that memtrace_sink.c and memtrace_dump.c put together. sink.c tells the
 * approach.
 */
#ifndef MEMTRACE_SINK_PARTS_H
#define MEMTRACE_SINK_PARTS_H

#include "../log/memtrace_log.h"
#include "memtrace_sink.h"
#include "ring_view.h"

#define SINK_MAGIC 0x6d74736bu /* "mtsk" */
#define SINK_AHEAD 16u
#define SINK_NAMES 256u

enum part {
    PART_NONE = 0, /* the run has no header in the log */
    PART_OPEN = 1, /* it has, and so has this part */
    PART_TURNS = 2 /* the output begins the next part */
};

/* How far the log has come. */
struct progress {
    struct place next;       /* event to be written */
    uint64_t safe;           /* number of the first event that the output has not taken, or not all of what it needs */
    struct memtrace_log log; /* what its reader knows */
    uint64_t moment;         /* from which the ring's events are told */
    struct memtrace_counts counts; /* as last written */
    memtrace_word caller;          /* the PC that stack CALLER_STACK stands for now; 0: none */
    uint32_t used;                 /* bytes of the buffer that hold records */
    uint32_t part;                 /* bytes of this part that the output has taken */
    uint32_t begun;                /* enum part */
};

/* Slots behind the next event that may be a TIME record: they are, or were not written yet. */
struct ahead {
    struct place seen; /* up to here all slots were looked at */
    unsigned count;
    struct place places[SINK_AHEAD];
};

struct sink {
    uint32_t magic; /* SINK_MAGIC, when all below is in place */
    struct memtrace_output *output;
    struct view view;
    uint64_t run;    /* of the ring: it was made anew if this is another one */
    uint32_t bytes;  /* of all this */
    uint32_t room;   /* of the buffer */
    uint8_t *buffer; /* behind the bits for stacks, to the end of the memory */
    struct progress now;
    struct progress kept[2]; /* what the next start goes on from: a whole one, whenever a reset comes */
    uint32_t which;          /* of the two */
    uint32_t waited;         /* drains that ended at the same event, which had not come */
    uint64_t since;          /* when the first of them was */
    uint32_t polls;          /* since the output was closed */
    uint32_t open;           /* 1: something was written since */
    uint32_t ended;          /* 1: the output takes no more */
    struct ahead ahead;
    uint8_t names[SINK_NAMES /
                  8u]; /* bit: defined in this part; of stacks by a third of their numbers: each has three words */
    uint8_t stacks[];
};

/* Lays a sink out in `memory`; its first event is the oldest that the ring has. false: there is too little. */
bool sink_make(void *memory, size_t bytes, const struct memtrace_header *ring, struct memtrace_output *output);

/* The sink in `memory` as its last run left it, if that was about this ring and this output; NULL: it was not. Its log goes on. */
struct sink *sink_resume(void *memory, size_t bytes, const struct memtrace_header *ring,
                         const struct memtrace_output *output);

/* Takes what the ring has into the buffer, and writes that when it is full. `force`: waits for no event that has not come. */
void sink_drain(struct sink *sink, bool force);

/* All that the log lacks. An event that is being written has time for a few looks. */
void sink_finish(struct sink *sink);

/* Notes how far the log has come, for the next start. */
void sink_keep(struct sink *sink);

/* Gives the buffer to the output. */
void sink_write(struct sink *sink);

/* What was lost, the buffer, and the end of the file: everything is safe behind it. */
void sink_flush(struct sink *sink);

#endif
