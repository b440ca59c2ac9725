/* SPDX-License-Identifier: Apache-2.0
 *
 * A gateway on the real kernel: tasks of several priorities that allocate, some that leak, one that is made again and again and
 * deletes itself, and an interrupt that keeps what it allocates. It tells its own book of what it leaked: "book ADDRESS SIZE TASK". Its log
 * goes over the console's line.
 */
#include <string.h>

#include "board.h"
#include "common.h"
#include "memtrace.h"
#include "uart_frames.h"

enum { ROUNDS = 12, PACKET = 48, NOTE = 20, SAMPLE = 24, FRAME = 36, BRIEF_TASKS = 3, SINK_BUFFER = 2048 };

static struct entry {
    void *block;
    unsigned size;
    const char *task;
} book[64];
static unsigned book_used;
static volatile unsigned tasks_done;

static void *book_add(void *block, unsigned size, const char *task)
{
    if (book_used < sizeof book / sizeof book[0])
        book[book_used++] = (struct entry){block, size, task};
    return block;
}

static void *book_keep(void *block, unsigned size, const char *task)
{
    taskENTER_CRITICAL();
    (void)book_add(block, size, task);
    taskEXIT_CRITICAL();
    return block;
}

static void task_count(void)
{
    taskENTER_CRITICAL();
    tasks_done++;
    taskEXIT_CRITICAL();
}

static void book_print(void)
{
    for (unsigned i = 0; i < book_used; i++)
        print("book %#lx %u %s\n", (unsigned long)(uintptr_t)book[i].block, book[i].size, book[i].task);
}

/* ---- the log ---- */

static uint64_t sink[MEMTRACE_SINK_BYTES(4096, SINK_BUFFER) / 8];
static struct memtrace_uart uart;

static bool line_send(struct memtrace_uart *line, const uint8_t *bytes, size_t count)
{
    (void)line;
    board_send(bytes, count);
    return true;
}

static void log_start(void)
{
    uart.send = line_send;
    memtrace_uart_open(&uart);
    if (!memtrace_sink_start(sink, sizeof sink, &uart.output))
        board_exit(7);
}

/* ---- the parts of the gateway ---- */

static FUNCTION void *sample_take(void)
{
    void *sample = pvPortMalloc(SAMPLE);
    memset(sample, 0, SAMPLE);
    return sample;
}

static FUNCTION void *packet_create(void)
{
    return memset(pvPortMalloc(PACKET), 0, PACKET);
}

/* Every third packet is not given back. */
static FUNCTION void packet_handle(unsigned round)
{
    void *packet = packet_create();
    vTaskDelay(1);
    if (round % 3 == 2)
        (void)book_keep(packet, PACKET, "network");
    else
        vPortFree(packet);
}

static FUNCTION void note_leave(void)
{
    memset(book_keep(pvPortMalloc(NOTE), NOTE, "brief"), 0, NOTE);
}

static FUNCTION void *frame_take(void)
{
    return memset(pvPortMalloc(FRAME), 0, FRAME);
}

void board_interrupt(void)
{
    (void)book_add(frame_take(), FRAME, "ISR");
}

/* ---- tasks ---- */

static void sensor_task(void *unused)
{
    (void)unused;
    for (unsigned round = 0; round < ROUNDS * 4; round++) {
        void *sample = sample_take();
        vTaskDelay(1);
        vPortFree(sample);
    }
    task_count();
    vTaskSuspend(NULL);
}

static void network_task(void *unused)
{
    (void)unused;
    for (unsigned round = 0; round < ROUNDS; round++) {
        packet_handle(round);
        if (round % 6 == 5)
            board_interrupt_raise();
    }
    task_count();
    vTaskSuspend(NULL);
}

static void brief_task(void *unused)
{
    (void)unused;
    note_leave();
    task_count();
    vTaskDelete(NULL);
}

/* Below all others. The idle task gives back what the deleted ones had. */
static void control_task(void *unused)
{
    (void)unused;
    for (unsigned i = 0; i < BRIEF_TASKS; i++) {
        task_make(brief_task, "brief", 3);
        vTaskDelay(5);
        memtrace_sink_poll();
    }
    while (tasks_done < BRIEF_TASKS + 2)
        vTaskDelay(1);
    vTaskDelay(2);
    book_print();
    console_obey("since settled");
    console_obey("free");
    memtrace_sink_flush();
    firmware_done();
    board_exit(0);
}

int main(void)
{
    board_init();
    task_make(sensor_task, "sensor", 4);
    task_make(network_task, "network", 2);
    task_make(control_task, "control", 1);
    console_obey("mark settled");
    log_start();
    vTaskStartScheduler();
    board_exit(5);
}
