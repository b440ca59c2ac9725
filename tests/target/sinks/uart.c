/* SPDX-License-Identifier: Apache-2.0
 *
 * The log of the firmware goes over the line that it prints on. A timer's interrupt drains, so frames come in the middle of lines, as
 * long as fewer events than `polled=` were recorded: then the rest waits for the next start. What a reset must leave alone lies in
 * .noinit.
 */
#include "board.h"
#include "firmware.h"
#include "memtrace.h"
#include "uart_frames.h"

#define SINK_BYTES 4096u
#define POLL_TICKS 10000u /* of 100 ns */
#define PART_BYTES 8192u

#define KEPT __attribute__((section(".noinit"), aligned(8)))

static KEPT struct memtrace_uart uart;
static KEPT uint64_t sink_memory[SINK_BYTES / 8];
static uint32_t polled = UINT32_MAX;

static bool line_send(struct memtrace_uart *of, const uint8_t *bytes, size_t count)
{
    (void)of;
    board_send(bytes, count);
    return true;
}

void sink_poll(void)
{
    struct memtrace_statistics numbers;
    if (memtrace_stats(&numbers) && numbers.recorded < polled)
        memtrace_sink_poll();
}

bool sink_begin(void)
{
    argument_number("polled=", &polled);
    uart.output.part_bytes = PART_BYTES;
    uart.send = line_send;
    memtrace_uart_open(&uart);
    if (!memtrace_sink_start(sink_memory, sizeof sink_memory, &uart.output))
        return false;
    board_timer_start(POLL_TICKS, sink_poll);
    return true;
}
