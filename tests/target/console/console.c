/* SPDX-License-Identifier: Apache-2.0
 *
 * A firmware that asks its own console: what it leaked, what is free, and then it frees a block twice. It prints its own book beside, in
 * lines that begin with "book".
 */
#include <stdio.h>

#include "heap_caps.h"
#include "memtrace.h"
#include "memtrace_console.h"
#include "memtrace_double_free.h"
#include "memtrace_leaks.h"
#include "memtrace_modules.h"
#include "memtrace_system.h"
#include "rtos.h"
#include "scenarios.h"

#define NETWORK 5u
#define REQUESTS 6u

bool memtrace_system_heap(unsigned index, struct memtrace_heap_state *state)
{
    const struct heap_t_ *heap = registered_heaps.slh_first;
    for (unsigned left = index; left > 0 && heap != NULL; left--)
        heap = heap->next.sle_next;
    if (heap == NULL)
        return false;
    *state = (struct memtrace_heap_state){
        .name = index == 0 ? "RAM" : "SPIRAM",
        .memory = index == 0 ? MEMTRACE_MEMORY_INTERNAL : MEMTRACE_MEMORY_EXTERNAL,
        .capabilities = heap->caps[0],
        .total = heap->heap->pool_size,
        .free = heap->heap->free_bytes,
        .minimum = heap->heap->minimum_free_bytes,
    };
    return true;
}

bool memtrace_system_task(unsigned index, struct memtrace_task_state *state)
{
    const struct task *task = task_current();
    if (index > 0)
        return false;
    *state = (struct memtrace_task_state){.name = task->name,
                                          .handle = (uintptr_t)task,
                                          .state = 'X',
                                          .stack_low = task->stack_low,
                                          .stack_now = (uintptr_t)__builtin_frame_address(0),
                                          .stack_high = task->stack_high};
    return true;
}

static void line_put(void *context, const char *text, size_t bytes)
{
    (void)context;
    board_send((const uint8_t *)text, bytes);
}

static const struct memtrace_console_output output = {line_put, NULL, false};

static void book(const char *what, unsigned long first, unsigned long second)
{
    char line[64];
    snprintf(line, sizeof line, "book %s %lx %lx\n", what, first, second);
    board_print(line);
}

SCENARIO static void *reply_create(unsigned number)
{
    return memtrace_module_malloc(NETWORK, 40 + number * 8); /* LINE: console-leak */
}

SCENARIO static void request_handle(unsigned number)
{
    void *reply = reply_create(number);
    if (number % 2 == 0)
        free(reply);
    else
        book("leak", (unsigned long)(uintptr_t)reply, 40 + number * 8);
}

SCENARIO static void buffer_drop(void *buffer)
{
    free(buffer); /* LINE: console-free */
}

SCENARIO static void buffer_drop_again(void *buffer)
{
    free(buffer); /* LINE: console-free-again */
}

void test_console(void)
{
    memtrace_name_heap(0, "RAM", MEMTRACE_MEMORY_INTERNAL, 0);
    memtrace_name_heap(1, "SPIRAM", MEMTRACE_MEMORY_EXTERNAL, 0);
    memtrace_module_name(NETWORK, "network");
    memtrace_double_free_to(&output);
    memtrace_leaks_begin(NULL, 0);
    for (unsigned number = 0; number < REQUESTS; number++)
        request_handle(number);
    memtrace_leaks_end(&output);
    memtrace_console("memtrace free", &output);
    memtrace_console("modules", &output);
    memtrace_console("status", &output);
    for (unsigned i = 0; i < 2; i++) {
        struct memtrace_heap_state heap;
        memtrace_system_heap(i, &heap);
        book("free", heap.total, heap.free);
    }
    void *buffer = malloc(SCENARIO_SIZE);
    book("twice", (unsigned long)(uintptr_t)buffer, SCENARIO_SIZE);
    buffer_drop(buffer);
    buffer_drop_again(buffer);
}
