/* SPDX-License-Identifier: Apache-2.0
 *
 * The commands of the console.
 *
 * Approach: a table of commands; each prints records as it goes, of what records.c knows. A line is read word by word, and no word is
 * kept longer than a name is.
 * Rejected: an argv array (memory, and a bound on its words); looking marks up in the ring (their events do not stay there for long).
 * Cost: docs/explanation/performance.md; 200 bytes of RAM for the marks.
 * Assumptions: one task at a time is in here.
 */
#include "memtrace_console.h"

#include <string.h>

#include "../selftest/memtrace_selftest.h"
#include "../usage/memtrace_usage.h"
#include "records.h"

#define MARKS 8u
#define FILTER_TASKS 8u
#define TASKS_MAX 256u

struct console {
    struct report report; /* the first */
    const char *rest;     /* of the line */
    char word[MEMTRACE_NAME_BYTES + 1u];
};

/* Moments that the user has named. */
static struct mark {
    memtrace_word seq;
    char name[MEMTRACE_NAME_BYTES];
} marks[MARKS];
static unsigned marks_made;

/* The next word of the line, or what stands in quotes. false: there is none. What is too long for a name is cut. */
static bool word_next(struct console *console)
{
    const char *at = console->rest;
    unsigned length = 0;
    while (*at == ' ')
        at++;
    char until = *at == '"' ? *at++ : ' ';
    for (; (uint8_t)*at >= ' ' && *at != until; at++) {
        if (length < MEMTRACE_NAME_BYTES)
            console->word[length++] = *at;
    }
    console->word[length] = '\0';
    console->rest = at + (*at == '"');
    return length != 0;
}

/* ---- what is recorded ---- */

/* The handle of the task that the word names: one that the system has, or that the recorder has seen. */
static bool handle_find(const struct console *console, uintptr_t *handle)
{
    const struct view *view = &console->report.view;
    const struct memtrace_name *name = names_of(view);
    struct memtrace_task_state task;
    for (unsigned index = 0; index < TASKS_MAX && memtrace_system_task(index, &task); index++) {
        *handle = task.handle;
        if (task.name != NULL && name_equals(task.name, console->word))
            return true;
    }
    for (uint32_t entry = 0; entry < view->header->names.count; entry++, name++) {
        bool is_fixed = entry <= MEMTRACE_CONTEXT_ISR;
        *handle = is_fixed ? entry : (uintptr_t)name->key;
        if ((is_fixed ||
             (__atomic_load_n(&name->kind, __ATOMIC_RELAXED) == MEMTRACE_NAME_CONTEXT && *handle != UINTPTR_MAX)) &&
            name_equals(context_name(view, entry), console->word))
            return true;
    }
    return false;
}

static void tasks_only(const uintptr_t *handles, unsigned count)
{
#if MEMTRACE_FILTERS
    memtrace_filter_tasks(handles, count);
#else
    (void)handles, (void)count;
#endif
}

static void obey_on(struct console *console)
{
    uintptr_t handles[FILTER_TASKS];
    unsigned count = 0;
    while (word_next(console)) {
        if (!MEMTRACE_FILTERS || count == FILTER_TASKS || !handle_find(console, &handles[count++])) {
            line_add_one(&console->report.line, LINE_NO_NAME, 0);
            return;
        }
    }
    tasks_only(handles, count);
    memtrace_start();
    line_add_one(&console->report.line, LINE_ON, 0);
}

/* ---- what lives ---- */

static void obey_show(struct console *console)
{
    struct report *report = &console->report;
    report_begin(report, LINE_LIVE);
    report_blocks(report);
    report_end(report);
}

static void obey_off(struct console *console)
{
    obey_show(console);
    tasks_only(NULL, 0);
    memtrace_reset();
    memtrace_stop();
    line_add_one(&console->report.line, LINE_OFF, 0);
}

static void obey_task(struct console *console)
{
    console->report.task = console->word;
    obey_show(console);
}

static void obey_mark(struct console *console)
{
    struct mark *mark = &marks[marks_made++ % MARKS];
    mark->seq = (memtrace_word)console->report.head.number;
    memcpy(mark->name, console->word, sizeof mark->name);
    memtrace_mark(console->word);
    LINE_ADD(&console->report.line, LINE_MARK, mark->seq, (uintptr_t)mark->name);
}

static void obey_since(struct console *console)
{
    for (unsigned i = 1; i <= MARKS; i++) { /* the newest first */
        const struct mark *mark = &marks[(marks_made - i) % MARKS];
        if (name_equals(mark->name, console->word)) {
            console->report.back = (memtrace_word)console->report.head.number - mark->seq + 1u;
            obey_show(console);
            return;
        }
    }
    line_add_one(&console->report.line, LINE_NO_NAME, 0);
}

/* ---- modules ---- */

/* The number of the module that the word names, or is. */
static unsigned module_find(const struct console *console)
{
    const struct view *view = &console->report.view;
    const struct memtrace_name *name = names_of(view);
    unsigned number = 0;
    for (uint32_t left = view->header->names.count; left > 0; left--, name++) {
        if (__atomic_load_n(&name->kind, __ATOMIC_RELAXED) == MEMTRACE_NAME_TAG &&
            name_equals(name->text, console->word))
            return (uint8_t)name->key;
    }
    for (const char *digit = console->word; *digit != '\0'; digit++)
        number = number * 10u + (uint8_t)(*digit - '0');
    return number;
}

static void obey_leaks(struct console *console)
{
    console->report.tag = module_find(console) + 1u;
    console->report.as_leaks = true;
    obey_show(console);
}

static void obey_modules(struct console *console)
{
    struct line *line = &console->report.line;
    struct memtrace_module module, sum = {0}; /* begins with what a record of it says */
    report_begin(&console->report, LINE_MODULE_COUNTS);
    for (unsigned number = 0; memtrace_usage_of(number, &module); number++) {
        if (module.allocations == 0)
            continue;
        LINE_ADD(line, LINE_MODULE, number, (uintptr_t)module.name);
        line_add(line, LINE_USAGE, &module.bytes);
        sum.bytes += module.bytes;
        sum.blocks += module.blocks;
        sum.peak_bytes += module.peak_bytes;
    }
    line_add_one(line, LINE_MODULES, 0);
    line_add(line, LINE_USAGE, &sum.bytes);
}

/* ---- the system ---- */

static void obey_free(struct console *console)
{
    struct memtrace_task_state task;
    report_begin(&console->report, LINE_FREE);
    report_heaps(&console->report.line, NULL);
    for (unsigned index = 0; index < TASKS_MAX && memtrace_system_task(index, &task); index++)
        LINE_ADD(&console->report.line, LINE_TASK, (uintptr_t)task.name, (uint8_t)task.state, task.priority,
                 task.base_priority, task.stack_unused, task.number, task.stack_now, task.stack_low, task.stack_high);
}

/* ---- the recorder ---- */

static void obey_status(struct console *console)
{
    static const uint8_t bits[] = {1, 2, 3, 16, 17, 18, 7};
    struct line *line = &console->report.line;
    struct memtrace_statistics stats;
    uint32_t entries = u32_load(&console->report.view.header->entries);
    report_begin(&console->report, LINE_STATS);
    line_add_one(line, LINE_ENTRIES, 0);
    for (unsigned i = 0; i < sizeof bits; i++)
        LINE_ADD(line, LINE_ENTRY, (uintptr_t)text_of("alloc\0free\0realloc\0calloc\0aligned\0new\0assert", i),
                 '0' + (entries >> bits[i] & 1u));
    line_add_one(line, LINE_LAST, 0);
    (void)memtrace_stats(&stats); /* there is a recorder */
    LINE_ADD(line, LINE_COUNTS, (memtrace_word)stats.recorded, stats.lost_busy + stats.lost_stopped, stats.live_blocks,
             stats.live_bytes);
    report_age(&console->report, 1, 0);
    line_add_one(line, LINE_LAST_WORD, (uintptr_t)text_of("recording\0frees-only\0stopped\0frozen", stats.state & 3u));
}

static void obey_selftest(struct console *console)
{
    line_add_one(&console->report.line, LINE_SAY, (uintptr_t)memtrace_selftest_text(memtrace_selftest()));
}

/* ---- commands ---- */

#define WORD_COMMANDS 4u /* the first so many want a name */
static const char names[] = "task\0mark\0since\0leaks\0on\0off\0show\0free\0modules\0status\0selftest";
static void (*const obeying[])(struct console *) = {obey_task,    obey_mark,   obey_since,   obey_leaks,
                                                    obey_on,      obey_off,    obey_show,    obey_free,
                                                    obey_modules, obey_status, obey_selftest};
#define COMMANDS (sizeof obeying / sizeof obeying[0])

bool memtrace_console(const char *text, const struct memtrace_console_output *output)
{
    struct console console;
    struct line *line = &console.report.line;
    if (!report_open(&console.report, output))
        return true;
    console.rest = text;
    if (word_next(&console) && name_equals(console.word, "memtrace"))
        (void)word_next(&console);
    for (unsigned i = 0; i < COMMANDS; i++) {
        if (!name_equals(text_of(names, i), console.word))
            continue;
        if (i >= WORD_COMMANDS || word_next(&console))
            obeying[i](&console);
        else
            line_add_one(line, LINE_NO_NAME, 0);
        return true;
    }
    line_add_one(line, LINE_COMMANDS, 0);
    for (unsigned i = 0; i < COMMANDS; i++)
        line_add_one(line, LINE_WORD, (uintptr_t)text_of(names, i));
    line_add_one(line, LINE_LAST, 0);
    return false;
}
