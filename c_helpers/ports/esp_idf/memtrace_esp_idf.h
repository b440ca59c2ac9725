/* SPDX-License-Identifier: Apache-2.0
 *
 * What memtrace's component has beside memtrace.h, and what its files call of each other.
 */
#ifndef MEMTRACE_ESP_IDF_H
#define MEMTRACE_ESP_IDF_H

#include <stdbool.h>

#include "memtrace.h"
#include "memtrace_sink.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Starts the recorder, once; the first heap that is registered calls it, so nobody else needs to. */
void memtrace_esp_idf_start(void);

/* As memtrace_assert_failed, whose texts may lie in flash (assert.c). */
void memtrace_assert_failed_readable(struct memtrace_caller caller, const char *text, unsigned line,
                                     const char *function);

/* Starts the task that writes the log (sink_task.c). */
void memtrace_esp_idf_sink_start(void);

/* Where the log goes, or NULL: not yet, ask again (sink_file.c, sink_partition.c, sink_uart.c). */
struct memtrace_output *memtrace_esp_idf_output(void);

#ifdef __cplusplus
}
#endif

#endif
