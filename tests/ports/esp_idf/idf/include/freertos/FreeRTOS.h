/* SPDX-License-Identifier: Apache-2.0
 *
 * Of the kernel's header what the port reads: the public twin of a task's control block.
 */
#ifndef FREERTOS_H
#define FREERTOS_H

#include <stddef.h>
#include <stdint.h>

#include "sdkconfig.h"

#define configMAX_TASK_NAME_LEN 16
#define configISR_STACK_SIZE 1536
#define configUSE_TRACE_FACILITY CONFIG_FREERTOS_USE_TRACE_FACILITY
#define portNUM_PROCESSORS 1
#define pdMS_TO_TICKS(ms) (ms)

typedef uint8_t StackType_t;
typedef int BaseType_t;
typedef unsigned UBaseType_t;
typedef uint32_t TickType_t;

typedef struct {
    void *pxDummy1;
    uint32_t xDummy3[10];
    UBaseType_t uxDummy5;
    void *pxDummy6;
    uint8_t ucDummy7[configMAX_TASK_NAME_LEN];
    BaseType_t xDummyCoreID;
    void *pxDummy8;
} StaticTask_t;

static inline BaseType_t xPortGetCoreID(void)
{
    return 0;
}

#endif
