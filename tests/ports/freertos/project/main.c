/* SPDX-License-Identifier: Apache-2.0
 *
 * A user's program: one of its tasks forgets what it takes.
 */
#include "FreeRTOS.h"
#include "board.h"
#include "task.h"

__attribute__((noinline)) void *reading_take(void)
{
    void *reading = pvPortMalloc(33);
    if (reading == NULL)
        board_exit(2);
    return reading;
}

__attribute__((noinline)) void app_done(void)
{
    __asm__ volatile("");
}

static void sensor(void *unused)
{
    (void)unused;
    for (int i = 0; i < 3; i++) {
        (void)reading_take();
        vTaskDelay(1);
    }
    app_done();
    board_print("done\n");
    board_exit(0);
}

int main(void)
{
    board_init();
    if (xTaskCreate(sensor, "sensor", 256, NULL, 2, NULL) == pdPASS)
        vTaskStartScheduler();
    board_exit(1);
}
