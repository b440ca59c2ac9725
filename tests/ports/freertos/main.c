/* SPDX-License-Identifier: Apache-2.0
 *
 * A gateway on the real kernel: tasks of several priorities that allocate, some that leak, one that is made again and again and
 * deletes itself, and an interrupt that keeps what it allocates. It tells its own book of what it leaked: "book ADDRESS SIZE TASK".
 */
#include <stdio.h>
#include <string.h>

#include "FreeRTOS.h"
#include "board.h"
#include "memtrace.h"
#include "task.h"

#define FUNCTION __attribute__((noinline)) /* a frame of its own in every backtrace */

enum { ROUNDS = 12, PACKET = 48, NOTE = 20, SAMPLE = 24, FRAME = 36, STACK_WORDS = 512 };

struct entry {
    void *block;
    unsigned size;
    const char *task;
};

static struct entry book[64];
static unsigned book_used;
static volatile unsigned tasks_done;
static unsigned frames_taken;

static void book_keep(void *block, unsigned size, const char *task)
{
    if (book_used < sizeof book / sizeof book[0])
        book[book_used++] = (struct entry){block, size, task};
}

static void book_print(void)
{
    char line[64];
    for (unsigned i = 0; i < book_used; i++) {
        (void)snprintf(line, sizeof line, "book 0x%08lx %u %s\n", (unsigned long)(uintptr_t)book[i].block, book[i].size,
                       book[i].task);
        board_print(line);
    }
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
    return pvPortMalloc(PACKET);
}

/* Every third packet is not given back. */
static FUNCTION void packet_handle(unsigned round)
{
    void *packet = packet_create();
    vTaskDelay(1);
    if (round % 3 == 2)
        book_keep(packet, PACKET, "network");
    else
        vPortFree(packet);
}

static FUNCTION void note_leave(void)
{
    book_keep(pvPortCalloc(1, NOTE), NOTE, "brief");
}

static FUNCTION void *frame_take(void)
{
    return pvPortMalloc(FRAME);
}

void board_interrupt(void)
{
    book_keep(frame_take(), FRAME, "ISR");
    frames_taken++;
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
    tasks_done++;
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
    tasks_done++;
    vTaskSuspend(NULL);
}

static void brief_task(void *unused)
{
    (void)unused;
    note_leave();
    tasks_done++;
    vTaskDelete(NULL);
}

static void task_make(TaskFunction_t function, const char *name, UBaseType_t priority)
{
    if (xTaskCreate(function, name, STACK_WORDS, NULL, priority, NULL) != pdPASS)
        board_exit(4);
}

FUNCTION void firmware_done(void)
{
    __asm__ volatile("");
}

/* Waits for the others, below all of them. */
static void control_task(void *unused)
{
    (void)unused;
    for (unsigned i = 1; i <= 3; i++) {
        task_make(brief_task, "brief", 3);
        vTaskDelay(5);
    }
    while (tasks_done < 5)
        vTaskDelay(1);
    vTaskDelay(2); /* the idle task gives back what the deleted tasks had */
    book_print();
    firmware_done();
    board_exit(0);
}

void assertion_failed(const char *file, int line)
{
    char text[96];
    (void)snprintf(text, sizeof text, "assertion %s:%d\n", strrchr(file, '/') + 1, line);
    board_print(text);
    board_exit(1);
}

int main(void)
{
    board_init();
    task_make(sensor_task, "sensor", 4);
    task_make(network_task, "network", 2);
    task_make(control_task, "control", 1);
    memtrace_mark("settled");
    vTaskStartScheduler();
    board_exit(5);
}
