/* SPDX-License-Identifier: Apache-2.0
 *
 * Sends a log over a line that a console is on, too:
 *
 *     uart_log EVENTS RESET LATER
 *
 * writes to stdout what is on the line. Event k is an allocation of k + 1 bytes at 16 * k, by stack 1 + k % STACKS, whose only PC is 4096 times
 * that; its number is 3 * k, its time k * k + LATER. Parts are of 4 KiB. Lines "text N" come before and in the middle of frames. When so many
 * pieces of the line are sent as RESET says, a reset comes: the write is made again, and the run goes on. tests/unit/test_uart_frames.py reads it.
 */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memtrace_log.h"
#include "uart_frames.h"

enum { STACKS = 10, BUFFER_BYTES = 1400 };

static struct memtrace_uart uart;
static struct memtrace_log place;
static _Alignas(8) uint8_t buffer[BUFFER_BYTES];
static size_t used;
static size_t in_part;
static unsigned texts, pieces, reset_at, later;
static jmp_buf reset;

static void text_print(void)
{
    printf("text %u\n", texts++);
}

/* Someone else prints now and then, whoever is at it. */
static bool line_take(struct memtrace_uart *of, const uint8_t *bytes, size_t count)
{
    (void)of;
    size_t half = count / 2;
    fwrite(bytes, 1, half, stdout);
    if (++pieces == reset_at)
        longjmp(reset, 1);
    if (pieces % 5 == 0)
        text_print();
    return fwrite(bytes + half, 1, count - half, stdout) == count - half;
}

static void buffer_write(void)
{
    if (setjmp(reset) != 0)
        memtrace_uart_open(&uart);
    if (used != 0 && !uart.output.write(&uart.output, buffer, used))
        exit(1);
    in_part += used;
    used = 0;
}

static void *room_get(size_t bytes)
{
    if (used + bytes > sizeof buffer)
        buffer_write();
    return buffer + used;
}

static void part_begin(unsigned run)
{
    struct memtrace_header header = {.tick_hz = 1000, .run = run};
    buffer_write();
    if (!(place.next == 0 ? uart.output.begin : uart.output.turn)(&uart.output))
        exit(1);
    memtrace_log_header(&place, &header);
    memcpy(room_get(sizeof header), &header, sizeof header);
    used += sizeof header;
    in_part = 0;
}

static void event_put(unsigned k, uint32_t *defined)
{
    memtrace_word stack = 1 + k % STACKS;
    memtrace_word pc = 4096 * stack;
    struct memtrace_log_event event = {MEMTRACE_ALLOC, 0,     0,     3ull * k, (uint64_t)k * k + later,
                                       16 * k,         k + 1, stack, 0,        0};
    if ((*defined >> stack & 1u) == 0)
        used += memtrace_log_stack(room_get(MEMTRACE_LOG_STACK_BYTES(1)), stack, &pc, 1);
    *defined |= 1u << stack;
    used += memtrace_log_event(&place, room_get(MEMTRACE_LOG_EVENT_BYTES), &event);
}

int main(int count, char **arguments)
{
    if (count != 4)
        return 2;
    unsigned events = (unsigned)atoi(arguments[1]);
    reset_at = (unsigned)atoi(arguments[2]);
    later = (unsigned)atoi(arguments[3]);
    uint32_t defined = 0;
    uart = (struct memtrace_uart){.output = {.part_bytes = 4096}, .send = line_take};
    memtrace_uart_open(&uart);
    text_print();
    part_begin(1);
    for (unsigned k = 0; k < events; k++) {
        if (in_part + used + 256 > uart.output.part_bytes) {
            part_begin(1);
            defined = 0;
        }
        event_put(k, &defined);
        if (k % 50 == 49)
            text_print();
    }
    buffer_write();
    text_print();
    return 0;
}
