/* SPDX-License-Identifier: Apache-2.0
 *
 * An application that loses a block at each request. First it says whether memtrace's hooks work; then, in GDB:
 *
 *     (gdb) heap-leaks --since start
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "memtrace.h"
#include "memtrace_selftest.h"

void app_main(void);

struct request {
    char *name;
    char *answer;
};

static struct request *request_make(unsigned number)
{
    struct request *request = calloc(1, sizeof *request);
    char name[24];
    snprintf(name, sizeof name, "request %u", number);
    if (request != NULL) {
        request->name = strdup(name);
        request->answer = malloc(64);
    }
    return request;
}

/* The name is forgotten. */
static void request_free(struct request *request)
{
    free(request->answer);
    free(request);
}

void app_main(void)
{
    puts(memtrace_selftest_text(memtrace_selftest()));
    memtrace_mark("start");
    for (unsigned number = 0; number < 1000; number++) {
        struct request *request = request_make(number);
        if (request != NULL)
            request_free(request);
        vTaskDelay(pdMS_TO_TICKS(100));
    }
}
