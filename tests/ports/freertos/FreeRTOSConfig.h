/* SPDX-License-Identifier: Apache-2.0
 *
 * The kernel's options in the tests, for each board.
 */
#ifndef FREERTOS_CONFIG_H
#define FREERTOS_CONFIG_H

#ifdef __riscv
#define configCPU_CLOCK_HZ 10000000
#define configMTIME_BASE_ADDRESS 0x200bff8
#define configMTIMECMP_BASE_ADDRESS 0x2004000
#else
#define configCPU_CLOCK_HZ 25000000
#define configKERNEL_INTERRUPT_PRIORITY (7 << 5)
#define configMAX_SYSCALL_INTERRUPT_PRIORITY (1 << 5)
#define configENABLE_MPU 0
#define configENABLE_FPU 0
#define configENABLE_TRUSTZONE 0
#define configRUN_FREERTOS_SECURE_ONLY 1
#endif

#define configTICK_RATE_HZ ((TickType_t)1000)
#ifdef FIRMWARE_SHORT_TICKS
#define configTICK_TYPE_WIDTH_IN_BITS TICK_TYPE_WIDTH_16_BITS
#else
#define configTICK_TYPE_WIDTH_IN_BITS TICK_TYPE_WIDTH_32_BITS
#endif
#define configUSE_PREEMPTION 1
#define configUSE_IDLE_HOOK 0
#define configUSE_TICK_HOOK 0
#define configMAX_PRIORITIES 5
#define configMINIMAL_STACK_SIZE 256
#define configTOTAL_HEAP_SIZE 32768
#define configUSE_TRACE_FACILITY 1
#define configUSE_MUTEXES 1
#define configCHECK_FOR_STACK_OVERFLOW 0
#define configUSE_MALLOC_FAILED_HOOK 1
#define INCLUDE_vTaskDelay 1
#define INCLUDE_vTaskDelete 1
#define INCLUDE_vTaskSuspend 1

#ifndef FIRMWARE_ASSERTS_NOTHING
void assertion_failed(const char *file, int line);
#define configASSERT(condition) \
    if (!(condition)) \
    assertion_failed(__FILE__, __LINE__)
#endif

#include "memtrace_freertos.h"

#endif
