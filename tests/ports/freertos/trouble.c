/* SPDX-License-Identifier: Apache-2.0
 *
 * One trouble each, by -DTROUBLE=NAME.
 */
#include <string.h>

#include "board.h"
#include "common.h"
#include "memtrace.h"

#define TEXT_OF(name) #name
#define TEXT(name) TEXT_OF(name)

enum { BLOCK = 40, TURNS = 600, LEVELS = 60, IMPOSSIBLE = 1 << 20 };

static TaskHandle_t handles[2];

static FUNCTION void *block_get(void)
{
    return memset(pvPortMalloc(BLOCK), 0, BLOCK);
}

static FUNCTION void exhausted(void)
{
    (void)pvPortMalloc(IMPOSSIBLE);
}

static FUNCTION void freed_twice(void)
{
    void *block = block_get();
    vPortFree(block);
    vPortFree(block);
}

/* Events beyond the ring. */
static FUNCTION void many(void)
{
    print("kept %#lx\n", (unsigned long)(uintptr_t)block_get());
    for (unsigned i = 0; i < TURNS; i++)
        vPortFree(block_get());
}

/* A call stack more with each level. */
static FUNCTION void descend(unsigned level)
{
    if (level > 0)
        descend(level - 1);
    vPortFree(block_get());
}

static FUNCTION void stacks(void)
{
    descend(LEVELS);
}

static void keeper_task(void *unused)
{
    (void)unused;
    print("%s %#lx\n", pcTaskGetName(NULL), (unsigned long)(uintptr_t)block_get());
    vTaskSuspend(NULL);
}

/* Another task in the memory of one that was deleted from outside. */
static FUNCTION void renamed(void)
{
    static const char *const names[] = {"first", "second"};
    for (unsigned i = 0; i < 2; i++) {
        if (xTaskCreate(keeper_task, names[i], STACK_WORDS, NULL, 3, &handles[i]) != pdPASS)
            board_exit(4);
        vTaskDelete(handles[i]);
    }
    print("%s\n", handles[0] == handles[1] ? "one handle" : "two handles");
}

static const struct trouble {
    const char *name;
    void (*make)(void);
} troubles[] = {
    {"exhausted", exhausted}, {"freed_twice", freed_twice}, {"many", many}, {"stacks", stacks}, {"renamed", renamed}};

static void trouble_task(void *unused)
{
    (void)unused;
    for (unsigned i = 0; i < sizeof troubles / sizeof troubles[0]; i++) {
        if (strcmp(troubles[i].name, TEXT(TROUBLE)) == 0)
            troubles[i].make();
    }
    firmware_done();
    board_exit(0);
}

int main(void)
{
#if defined(MEMTRACE_RING_BYTES) && MEMTRACE_RING_BYTES == 0
    static uint64_t ring[1024];
    static const struct memtrace_config few_stacks = {.stack_bytes = 256};
    if (!memtrace_init(ring, sizeof ring, &few_stacks))
        board_exit(7);
#endif
    board_init();
    task_make(trouble_task, "trouble", 2);
    vTaskStartScheduler();
    board_exit(5);
}
