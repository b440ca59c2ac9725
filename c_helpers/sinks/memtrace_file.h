/* SPDX-License-Identifier: Apache-2.0
 *
 * A log in a file, by POSIX calls: an SD card, SPIFFS, FAT, littlefs, or a host's disk.
 *
 * Approach: each piece is written at the place that the sink says it has, so one that a reset cut short is written again over itself. A
 * run that begins goes on in the file that is there, behind its last whole event. With a limit the log ends there, or
 * two files take turns: the newest has the name, the one before it the extension OLD.
 * Rejected: stdio (a buffer of its own, which a reset loses); O_APPEND (a piece would stand there twice).
 * Cost: open, lseek, write and close, as seldom as memtrace_sink_poll calls them; what they allocate is the file system's.
 * Assumptions: lseek to a file's end, and rename where two files take turns. None of it is called at an assertion.
 */
#ifndef MEMTRACE_FILE_H
#define MEMTRACE_FILE_H

#include "memtrace_sink.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MEMTRACE_FILE_PATH_BYTES 80u

struct memtrace_file_config {
    const char *folder; /* without a slash at its end; NULL: the name stands alone */
    const char *name;   /* %n in it is the number of this start: the first one that no file has. NULL: MEMTRACE.LOG */
    uint32_t max_bytes; /* of the log, both files together; 0: no limit */
    bool two_in_turn;   /* at the limit the older half goes; else the log ends */
};

/* Give `output` to the sink. In memory that outlives a reset, beside the sink's, the log of the run that died goes on where it ended. */
struct memtrace_file {
    struct memtrace_output output;
    uint32_t magic;     /* FILE_MAGIC, when the rest holds */
    uint32_t base;      /* offset in the file of the part that is being written */
    uint32_t number;    /* in place of %n */
    uint32_t max_bytes; /* of one file */
    int descriptor;     /* -1: closed */
    char pattern[MEMTRACE_FILE_PATH_BYTES];
};

/* Sets up the output; no file is touched. false: the path is too long (numbers have up to ten digits). */
bool memtrace_file_open(struct memtrace_file *file, const struct memtrace_file_config *config);

#ifdef __cplusplus
}
#endif

#endif
