/* SPDX-License-Identifier: Apache-2.0
 *
 * The log of this process: one file, whose regions are mapped. What is written into a mapping is in the file when the process is killed.
 *
 * Approach: the file's first 64 KiB are the header and the first definitions. Each thread asks for regions of its own, and only that takes a lock.
 * Disk space is allocated before a region is mapped, so that a full disk is an error here and no SIGBUS later. A record with a payload is a SKIP
 * record until it is whole.
 * Rejected: write(): what a thread has not written yet is lost with it, or each event costs a call. One shared mapping: its end is a lock.
 */
#ifndef MEMTRACE_LINUX_LOG_H
#define MEMTRACE_LINUX_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memtrace_words.h"

#define REGION_LEAST 65536u
#define REGION_MOST 1048576u

struct part {
    const void *bytes;
    size_t count;
};

/* In the mapped file. */
struct log_head {
    struct memtrace_header *header;
    struct memtrace_counts *counts; /* increased in place */
    uint64_t *own_bytes;            /* memory of the recorder, increased in place */
};
extern struct log_head log_head;

/* The absolute path of the log, for debuggers; empty: there is none. */
extern char memtrace_log_path[];

/* How this process began. */
enum process_how { PROCESS_STARTED = 0, PROCESS_FORKED = 1 };

/* A new file. If it cannot be made, one line on stderr says why. */
bool log_open(enum process_how how);

/* `bytes` of the file for records of a stream, from the next multiple of an event on: zeros. NULL: the log is full, for good. */
char *log_region(memtrace_word stream, uint64_t least_time, size_t bytes);

/* Nothing will be written into it any more. */
void log_region_done(char *at, size_t bytes);

/* Writes a record whose payload are `parts`, to be found before all events. It is lost if the log is full. */
void log_define(enum memtrace_kind kind, memtrace_word number, unsigned heap, const struct part *parts, unsigned count);

void log_name(memtrace_word number, enum memtrace_name_kind kind, const char *text, size_t length);

/* Counts an event for which there was no room, or no state to record it in. */
void log_count_lost(void);
void log_count_dropped(void);

/* Memory for the recorder itself; NULL if there is none. */
void *own_pages(size_t bytes);
void own_pages_free(void *at, size_t bytes);

/* Gives the memory back and keeps the addresses, where zeros are read from now on. */
void own_pages_empty(void *at, size_t bytes);

#endif
