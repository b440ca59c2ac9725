/* SPDX-License-Identifier: Apache-2.0
 *
 * One record of docs/reference/console.md as a line. lines.c tells the approach.
 */
#ifndef MEMTRACE_LINES_H
#define MEMTRACE_LINES_H

#include "memtrace.h"
#include "memtrace_console_output.h"
#include "memtrace_words.h"

#define LINE_SIGN "MT1 "

/* Room for the longest record, one with a stack, or for a backtrace. What is too long for it is cut. */
#define LINE_BYTES (128u + MEMTRACE_DEPTH * (WORD_BITS / 4u + 3u))

/* The forms of records and of their parts. Values stand for
 *     #  a blank and a number    %  a number    &  a blank and the digits of 8 bytes; their address
 *     @  a blank and a name of at most 20 bytes, escaped; its address, or NULL
 *     ~  a text as it is; its address           $  a character
 * \n ends the record: it goes out with its sum. Anything else stands for itself. */
#define LINE_FORMS(FORM) \
    FORM(LINE_LIVE, "B live") \
    FORM(LINE_FREE, "B free") \
    FORM(LINE_MODULE_COUNTS, "B modules") \
    FORM(LINE_STATS, "B stats") \
    FORM(LINE_STOP, "B stop") \
    FORM(LINE_MACHINE, "#&#\n") \
    FORM(LINE_NUMBER, "#") \
    FORM(LINE_UNKNOWN, " -") \
    FORM(LINE_WORD, "@") \
    FORM(LINE_LAST_WORD, "@\n") \
    FORM(LINE_LAST, "\n") \
    FORM(LINE_NAME, "N#@") \
    FORM(LINE_MEMORY, "@#") \
    FORM(LINE_BLOCK, "A#####") \
    FORM(LINE_LEAK, "L#####") \
    FORM(LINE_OWNER, "P####") \
    FORM(LINE_FREED, "F####") \
    FORM(LINE_MISSING, "G blocks# stacks# full#\n") \
    FORM(LINE_END, "E##\n") \
    FORM(LINE_BACKTRACE, "Backtrace:") \
    FORM(LINE_PC, " 0x%") \
    FORM(LINE_HEAP, "H@@#####\n") \
    FORM(LINE_KIND, "S@####") \
    FORM(LINE_CAPABILITY, "C#####") \
    FORM(LINE_LEAKED, "Y@##\n") \
    FORM(LINE_TASK, "K@ $#######\n") \
    FORM(LINE_CHOSEN, " chosen") \
    FORM(LINE_MARK, "M#@\n") \
    FORM(LINE_MODULE, "D#@") \
    FORM(LINE_MODULES, "D - -") \
    FORM(LINE_USAGE, "###\n") \
    FORM(LINE_ENTRIES, "W") \
    FORM(LINE_ENTRY, "@=$") \
    FORM(LINE_COUNTS, "U#### -") \
    FORM(LINE_DOUBLE_FREE, "X double-free##") \
    FORM(LINE_STOPPED, "Z#\n") \
    FORM(LINE_SAY, "I ~\n") \
    FORM(LINE_COMMANDS, "I") \
    FORM(LINE_ON, "I on\n") \
    FORM(LINE_OFF, "I off\n") \
    FORM(LINE_NO_NAME, "I no such name\n") \
    FORM(LINE_NO_RECORDER, "I no recorder\n")

#define LINE_FORM_NAME(name, text) name,
enum line_form { LINE_FORMS(LINE_FORM_NAME) };

struct line {
    const struct memtrace_console_output *output;
    char *text; /* LINE_BYTES of them */
    uint32_t used;
};

/* Adds to the record; the first call begins it. */
void line_add(struct line *line, enum line_form form, const memtrace_word *values);

/* The same, for a form with one value or none. */
void line_add_one(struct line *line, enum line_form form, memtrace_word value);

/* What was added goes out as a line that is no record: without sign and sum. */
void line_put_plain(struct line *line);

/* A macro, so that the values have whatever types they have. */
#define LINE_ADD(line, form, ...) line_add(line, form, (const memtrace_word[]){__VA_ARGS__})

/* The text of this number in a row of texts, which each end with a NUL. */
const char *text_of(const char *texts, unsigned number);

#endif
