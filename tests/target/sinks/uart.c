/* SPDX-License-Identifier: Apache-2.0
 *
 * The log of the firmware goes over the line that it prints on. A timer's interrupt drains, so frames come in the middle of lines.
 */
#include "board.h"
#include "firmware.h"
#include "uart_frames.h"

#define SINK_BYTES 4096u
#define POLL_TICKS 10000u /* of 100 ns */
#define PART_BYTES 8192u

static struct memtrace_uart uart = {.output = {.part_bytes = PART_BYTES}};
static uint64_t sink_memory[SINK_BYTES / 8];

static bool line_send(struct memtrace_uart *of, const uint8_t *bytes, size_t count)
{
    (void)of;
    board_send(bytes, count);
    return true;
}

void sink_poll(void)
{
    memtrace_sink_poll();
}

bool sink_begin(void)
{
    uart.send = line_send;
    memtrace_uart_open(&uart);
    if (!memtrace_sink_start(sink_memory, sizeof sink_memory, &uart.output))
        return false;
    board_timer_start(POLL_TICKS, sink_poll);
    return true;
}
