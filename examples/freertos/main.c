/* SPDX-License-Identifier: Apache-2.0
 *
 * A gateway: one task takes readings, another one sends them. What it cannot send it forgets.
 */
#include <string.h>

#include "FreeRTOS.h"
#include "board.h"
#include "memtrace.h"
#include "queue.h"
#include "task.h"

#define FUNCTION __attribute__((noinline)) /* a frame of its own in every backtrace */

enum { READINGS = 60, LINE_BYTES = 40 };

static QueueHandle_t readings;

static FUNCTION char *line_make(unsigned reading)
{
    char *line = pvPortMalloc(LINE_BYTES);
    memset(line, (int)('0' + reading % 10), LINE_BYTES);
    return line;
}

static void sensor(void *unused)
{
    (void)unused;
    memtrace_mark("running");
    for (unsigned i = 0; i < READINGS; i++) {
        char *line = line_make(i);
        xQueueSend(readings, &line, portMAX_DELAY);
        vTaskDelay(1);
    }
    vTaskSuspend(NULL);
}

/* Every twelfth line finds no connection. */
static void sender(void *unused)
{
    (void)unused;
    for (unsigned i = 0; i < READINGS; i++) {
        char *line = NULL;
        xQueueReceive(readings, &line, portMAX_DELAY);
        if (i % 12 != 11)
            vPortFree(line);
    }
    board_print("done\n");
    board_exit(0);
}

int main(void)
{
    board_init();
    readings = xQueueCreate(4, sizeof(char *));
    xTaskCreate(sensor, "sensor", 512, NULL, 2, NULL);
    xTaskCreate(sender, "sender", 512, NULL, 1, NULL);
    vTaskStartScheduler();
}
