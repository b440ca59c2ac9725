/* SPDX-License-Identifier: Apache-2.0
 *
 * The command `memtrace` of esp_console. Its answers go to the standard output, with backtraces that idf.py monitor decodes.
 */
#include <stdio.h>
#include <string.h>

#include "esp_console.h"
#include "memtrace_console.h"
#include "memtrace_esp_idf.h"
#include "memtrace_usage.h"

#define LINE_BYTES 160u

/* A program that counts its modules itself has another one. */
__attribute__((weak)) bool memtrace_usage_of(unsigned module, struct memtrace_module *usage)
{
    (void)module;
    (void)usage;
    return false;
}

static void line_put(void *context, const char *text, size_t bytes)
{
    (void)context;
    (void)fwrite(text, 1, bytes, stdout);
}

/* esp_console has taken the line apart: a word with blanks gets its quotes back. A line that is too long is cut. */
static int command_run(int count, char **words)
{
    static const struct memtrace_console_output output = {.put = line_put, .backtraces = true};
    char line[LINE_BYTES] = "";
    size_t used = 0;
    for (int i = 1; i < count && used < sizeof line; i++) {
        const char *quote = strchr(words[i], ' ') != NULL ? "\"" : "";
        used += (size_t)snprintf(line + used, sizeof line - used, "%s%s%s%s", i > 1 ? " " : "", quote, words[i], quote);
    }
    return memtrace_console(line, &output) ? 0 : 1;
}

int memtrace_esp_idf_console_register(void)
{
    static const esp_console_cmd_t command = {
        .command = "memtrace",
        .help = "Who holds memory: on, off, show, free, task, mark, since, modules, leaks, status, selftest",
        .func = command_run,
    };
    return esp_console_cmd_register(&command);
}
