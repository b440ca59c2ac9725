/* SPDX-License-Identifier: Apache-2.0
 *
 * Every entry of ESP-IDF's allocator, each called by a function of its own; an interrupt, a task that ends, and flash that cannot be read.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "book.h"
#include "esp_heap_caps.h"
#include "freertos/task.h"
#include "memtrace.h"
#include "memtrace_selftest.h"
#include "memtrace_system.h"
#include "sdkconfig.h"
#include "system.h"
#if CONFIG_MEMTRACE_CONSOLE
#include "memtrace_esp_idf.h"
#endif

#define DRAM (MALLOC_CAP_DEFAULT | MALLOC_CAP_INTERNAL)

struct _reent;
void *memalign(size_t alignment, size_t size);
void *_malloc_r(struct _reent *reent, size_t size);
void *_calloc_r(struct _reent *reent, size_t count, size_t size);
void *_realloc_r(struct _reent *reent, void *block, size_t size);
void _free_r(struct _reent *reent, void *block);
void *heap_caps_malloc_default(size_t size);
void *heap_caps_realloc_default(void *block, size_t size);
void death(void);
void app_main(void);

static volatile size_t huge = 1 << 20;

USER(user_malloc)
{
    TAKES(user_malloc, 40, malloc(40), free(block));
    FAILS(user_malloc, huge, malloc(huge));
}

USER(user_calloc)
{
    TAKES(user_calloc, 40, calloc(4, 10), free(block));
}

/* In place, moved, failed to be moved, and to nothing. */
USER(user_realloc)
{
    void *block = realloc(NULL, 40);
    uintptr_t from = (uintptr_t)block;
    book_got(from, 40, user_realloc);
    void *same = realloc(block, 33);
    book_moved(from, (uintptr_t)same, 33, user_realloc);
    void *behind = malloc(16);
    book_got((uintptr_t)behind, 16, user_realloc);
    block = realloc(same, 500);
    book_moved(from, (uintptr_t)block, 500, user_realloc);
    book_moved((uintptr_t)block, (uintptr_t)realloc(block, huge), huge, user_realloc);
    book_gave((uintptr_t)block, user_realloc);
    free(realloc(block, 0));
    book_gave((uintptr_t)behind, user_realloc);
    free(behind);
}

USER(user_caps)
{
    TAKES(user_caps, 48, heap_caps_malloc(48, MALLOC_CAP_SPIRAM), heap_caps_free(block));
    TAKES(user_caps, 30, heap_caps_calloc(3, 10, MALLOC_CAP_DMA), heap_caps_free(block));
    TAKES(user_caps, 48, heap_caps_malloc(48, MALLOC_CAP_EXEC), heap_caps_free(block));
    FAILS(user_caps, huge, heap_caps_malloc(huge, MALLOC_CAP_SPIRAM));
}

/* Into another heap. */
USER(user_caps_realloc)
{
    void *block = heap_caps_realloc(NULL, 40, DRAM);
    book_got((uintptr_t)block, 40, user_caps_realloc);
    void *moved = heap_caps_realloc(block, 60, MALLOC_CAP_SPIRAM);
    book_moved((uintptr_t)block, (uintptr_t)moved, 60, user_caps_realloc);
    book_gave((uintptr_t)moved, user_caps_realloc);
    heap_caps_free(moved);
}

USER(user_aligned)
{
    TAKES(user_aligned, 100, heap_caps_aligned_alloc(64, 100, DRAM), heap_caps_free(block));
    TAKES(user_aligned, 100, heap_caps_aligned_calloc(32, 10, 10, MALLOC_CAP_SPIRAM), heap_caps_aligned_free(block));
    TAKES(user_aligned, 80, memalign(32, 80), free(block));
#if ESP_IDF_VERSION >= ESP_IDF_VERSION_VAL(5, 1, 0)
    TAKES(user_aligned, 64, aligned_alloc(64, 64), free(block));
#endif
    void *made = NULL;
    int failed = posix_memalign(&made, 64, 80);
    TAKES(user_aligned, 80, failed == 0 ? made : NULL, free(block));
}

USER(user_prefer)
{
    TAKES(user_prefer, 40, heap_caps_malloc_prefer(40, 2, MALLOC_CAP_RTCRAM, MALLOC_CAP_SPIRAM), heap_caps_free(block));
    void *block = heap_caps_calloc_prefer(4, 10, 3, MALLOC_CAP_RTCRAM, MALLOC_CAP_RTCRAM, DRAM);
    book_got((uintptr_t)block, 40, user_prefer);
    void *moved = heap_caps_realloc_prefer(block, 64, 2, MALLOC_CAP_RTCRAM, MALLOC_CAP_SPIRAM);
    book_moved((uintptr_t)block, (uintptr_t)moved, 64, user_prefer);
    book_gave((uintptr_t)moved, user_prefer);
    heap_caps_free(moved);
}

USER(user_default)
{
    void *block = heap_caps_malloc_default(20);
    book_got((uintptr_t)block, 20, user_default);
    void *moved = heap_caps_realloc_default(block, 200);
    book_moved((uintptr_t)block, (uintptr_t)moved, 200, user_default);
    book_gave((uintptr_t)moved, user_default);
    heap_caps_free(moved);
}

USER(user_newlib)
{
#if !CONFIG_LIBC_PICOLIBC
    TAKES(user_newlib, 24, _malloc_r(NULL, 24), _free_r(NULL, block));
    TAKES(user_newlib, 24, _calloc_r(NULL, 2, 12), _free_r(NULL, block));
    TAKES(user_newlib, 24, _realloc_r(NULL, NULL, 24), _free_r(NULL, block));
#endif
}

USER(user_copy)
{
    TAKES(user_copy, 5, strdup("text"), free(block));
}

USER(user_kernel)
{
    TAKES(user_kernel, 64, pvPortMalloc(64), vPortFree(block));
}

USER(user_interrupt)
{
    TAKES(user_interrupt, 12, heap_caps_malloc(12, DRAM), heap_caps_free(block));
}

/* Its control block lies in the heap, as the kernel's do. */
USER(user_ends)
{
    StaticTask_t *task = pvPortMalloc(sizeof *task);
    book_got((uintptr_t)task, sizeof *task, user_ends);
    StaticTask_t *before = kernel_task;
    *task = *before;
    strcpy((char *)task->ucDummy7, "worker");
    kernel_task = task;
    TAKES(user_ends, 10, malloc(10), free(block));
    kernel_task = before;
    vTaskDelete((TaskHandle_t)task); /* frees it */
}

#define IN_IRAM __attribute__((section(".iram1.user"), noinline))

/* Semihosting's call that prints a text: the book's line for a block of 1 byte at 1. */
IN_IRAM static void sign_print(void)
{
    static char line[] = "A000000010000000100000001\n";
    register uintptr_t a0 __asm__("a0") = 4;
    register uintptr_t a1 __asm__("a1") = (uintptr_t)line;
    __asm__ volatile(".option push\n.option norvc\nslli x0, x0, 0x1f\nebreak\nsrai x0, x0, 7\n.option pop"
                     : "+r"(a0)
                     : "r"(a1)
                     : "memory");
}

/* Nothing in flash can be read from here on: another access to it is a fault, and ends without the sign. */
IN_IRAM static void user_without_flash(void)
{
    flash_off();
    for (unsigned i = 0; i < 3; i++) {
        void *block = heap_caps_malloc(20 + i, MALLOC_CAP_INTERNAL);
        memtrace_mark(NULL);
        free(realloc(block, 600));
        heap_caps_free(calloc(huge, 2));
    }
    sign_print();
    machine_exit();
}

static void heaps_print(void)
{
    struct memtrace_heap_state state;
    for (unsigned i = 0; memtrace_system_heap(i, &state); i++)
        book_moved((uintptr_t)state.memory, state.capabilities, state.free, (user *)(uintptr_t)state.total);
}

void app_main(void)
{
    void (*const users[])(void) = {user_malloc, user_calloc,  user_realloc, user_caps, user_caps_realloc, user_aligned,
                                   user_prefer, user_default, user_newlib,  user_copy, user_kernel,       user_ends};
    if (DEATH > 0)
        death();
    if (DEATH == -1)
        book_got(memtrace_selftest(), 0, NULL);
    if (DEATH == -2)
        user_without_flash();
    if (DEATH == -3)
        heaps_print();
#if CONFIG_MEMTRACE_CONSOLE
    void *lives = malloc(77);
    book_got(memtrace_esp_idf_console_register() == 0 ? (uintptr_t)lives : 0, 77, NULL);
#endif
    for (unsigned i = 0; DEATH == 0 && i < sizeof users / sizeof users[0]; i++)
        users[i]();
    if (DEATH == 0)
        interrupt(user_interrupt);
    task_run();
    book_print();
}
