/* SPDX-License-Identifier: Apache-2.0
 *
 * The log over the console's serial line, between its text.
 */
#include "memtrace_esp_idf.h"
#include "uart_frames.h"

static bool line_send(struct memtrace_uart *uart, const uint8_t *bytes, size_t count)
{
    (void)uart;
    memtrace_esp_idf_send(bytes, count);
    return true;
}

static struct memtrace_uart line = {.send = line_send};

struct memtrace_output *memtrace_esp_idf_output(void)
{
    memtrace_uart_open(&line);
    line.output.polled = true;
    return &line.output;
}
