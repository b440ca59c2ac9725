/* SPDX-License-Identifier: Apache-2.0
 *
 * The task that drains the ring into the log.
 *
 * Approach: a task of its own in static memory, with the lowest priority above the idle task's. It asks for the output until there is one:
 * a file system is mounted later than it starts.
 * Cost: 4 KiB of stack, the cache, and the memory of the sink.
 */
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "memtrace_esp_idf.h"
#include "memtrace_sink.h"
#include "sdkconfig.h"

#define STACK_BYTES 4096u
#define POLL_MS 50u
#define WAIT_MS 500u

/* The recorder gives a quarter of its memory to stacks. */
static uint64_t
    memory[MEMTRACE_SINK_BYTES(CONFIG_MEMTRACE_RING_BYTES / 4, CONFIG_MEMTRACE_SINK_CACHE_BYTES) / sizeof(uint64_t)];
static StackType_t stack[STACK_BYTES / sizeof(StackType_t)];
static StaticTask_t task;

static void sink_run(void *unused)
{
    (void)unused;
    struct memtrace_output *output = memtrace_esp_idf_output();
    while (output == NULL) {
        vTaskDelay(pdMS_TO_TICKS(WAIT_MS));
        output = memtrace_esp_idf_output();
    }
    (void)memtrace_sink_start(memory, sizeof memory, output);
    for (;;) {
        memtrace_sink_poll();
        vTaskDelay(pdMS_TO_TICKS(POLL_MS));
    }
}

void memtrace_esp_idf_sink_start(void)
{
    (void)xTaskCreateStatic(sink_run, "memtrace", STACK_BYTES, NULL, 1, stack, &task);
}
