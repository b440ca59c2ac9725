/* SPDX-License-Identifier: Apache-2.0
 *
 * What memtrace's component has beside memtrace.h, and what its files call of each other.
 */
#ifndef MEMTRACE_ESP_IDF_H
#define MEMTRACE_ESP_IDF_H

#include <stdbool.h>
#include <stddef.h>

#include "memtrace.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Starts the recorder, once; the first heap that is registered calls it, so nobody else needs to. */
void memtrace_esp_idf_start(void);

/* With CONFIG_MEMTRACE_CONSOLE: registers the command `memtrace`, beside those that the program registers. As
 * esp_console_cmd_register it returns an esp_err_t, and wants esp_console to be initialized. */
int memtrace_esp_idf_console_register(void);

/* As memtrace_assert_failed, whose texts may lie in flash (assert.c). */
void memtrace_assert_failed_readable(struct memtrace_caller caller, const char *text, unsigned line,
                                     const char *function);

/* Starts the task that writes the log (sink_task.c). */
void memtrace_esp_idf_sink_start(void);

/* Sends text or bytes over the console's serial line, polling (line.c). */
void memtrace_esp_idf_send(const void *bytes, size_t count);

struct memtrace_output; /* the sink's (memtrace_sink.h) */

/* Where the log goes, or NULL: not yet, ask again (sink_file.c, sink_partition.c, sink_uart.c). */
struct memtrace_output *memtrace_esp_idf_output(void);

#ifdef __cplusplus
}
#endif

#endif
