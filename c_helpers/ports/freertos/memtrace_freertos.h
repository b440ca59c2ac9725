/* SPDX-License-Identifier: Apache-2.0
 *
 * The one line of FreeRTOSConfig.h: #include "memtrace_freertos.h" as its last. Without -DMEMTRACE=1 it is empty.
 *
 * Approach: configASSERT is sent through the recorder, which then does what the user's own definition does: that one stays as it is
 * in memtrace_freertos.c alone. The allocator's calls are the linker's to send (memtrace_freertos.wrap).
 * Rejected: the kernel's trace macros for all (a size with head and rounding, a failure without one, a free only after the allocator's
 * assertions; SystemView and Tracealyzer have them). They are here for who has no --wrap: -DMEMTRACE_FREERTOS_MACROS=1.
 * Cost: four bytes in each task's control block; the text of each assertion in flash.
 * Assumptions: configASSERT is defined before, if it is defined at all: without one the kernel asserts nothing, and nothing is sent.
 */
#ifndef MEMTRACE_FREERTOS_H
#define MEMTRACE_FREERTOS_H

#if defined(MEMTRACE) && MEMTRACE && !defined(__ASSEMBLER__)

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Where a task's stack ends is known to nobody else. */
#ifndef configRECORD_STACK_HIGH_ADDRESS
#define configRECORD_STACK_HIGH_ADDRESS 1
#endif

/* There only where an assertion can lead to it: by it the hook is known to be in. */
void memtrace_freertos_assertion(const char *text, const char *file, int line, const char *function);

#ifdef configASSERT
#define MEMTRACE_FREERTOS_ASSERTS 1
#endif

#if defined(configASSERT) && !defined(MEMTRACE_FREERTOS_USERS_ASSERT)
#undef configASSERT
/* Something stands behind the call: else it may be the function's last and leave no frame. */
#define configASSERT(condition) \
    do { \
        if (!(condition)) { \
            memtrace_freertos_assertion(#condition, __FILE__, __LINE__, __func__); \
            __asm__ volatile(""); \
        } \
    } while (0)
#endif

/* A tick has come: the kernel's count, of which 16 bits are enough. */
void memtrace_freertos_tick(uint32_t count);

#if defined(MEMTRACE_FREERTOS_MACROS) && MEMTRACE_FREERTOS_MACROS

#include "memtrace.h"

#if defined(traceMALLOC) || defined(traceFREE) || defined(traceTASK_DELETE) || defined(traceTASK_INCREMENT_TICK)
#error \
    "memtrace: trace macros are defined already (by SystemView, Tracealyzer?). Leave out MEMTRACE_FREERTOS_MACROS, \
and give memtrace_freertos.wrap to the linker: that way leaves them alone"
#endif

/* Within pvPortMalloc and vPortFree, whose callers MEMTRACE_CALLER() says. Since V11.2 the size of what failed is told by none but
 * pvPortMalloc's parameter, which has one name in every heap_N.c. */
#define traceMALLOC(block, bytes) \
    memtrace_freertos_got(MEMTRACE_CALLER(), (block), (block) != NULL ? (size_t)(bytes) : xWantedSize)
#define traceFREE(block, bytes) memtrace_free(MEMTRACE_CALLER(), (block), 0)
#define traceTASK_DELETE(task) memtrace_task_deleted((uintptr_t)(task))
#define traceTASK_INCREMENT_TICK(count) memtrace_freertos_tick((uint32_t)(count))

void memtrace_freertos_got(struct memtrace_caller caller, void *block, size_t size);

#endif

#ifdef __cplusplus
}
#endif

#endif

#endif
