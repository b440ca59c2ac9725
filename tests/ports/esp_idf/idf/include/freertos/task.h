/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FREERTOS_TASK_H
#define FREERTOS_TASK_H

#include "freertos/FreeRTOS.h"

typedef struct tskTaskControlBlock *TaskHandle_t;
typedef enum { eRunning, eReady, eBlocked, eSuspended, eDeleted, eInvalid } eTaskState;

typedef struct {
    TaskHandle_t xHandle;
    const char *pcTaskName;
    UBaseType_t xTaskNumber;
    eTaskState eCurrentState;
    UBaseType_t uxCurrentPriority, uxBasePriority;
    uint32_t ulRunTimeCounter;
    StackType_t *pxStackBase;
    uint32_t usStackHighWaterMark;
    BaseType_t xCoreID;
} TaskStatus_t;

void *pvPortMalloc(size_t size);
void vPortFree(void *block);
void vTaskDelay(TickType_t ticks);
void vTaskDelete(TaskHandle_t task);
TaskHandle_t xTaskCreateStatic(void (*function)(void *), const char *name, uint32_t depth, void *argument,
                               UBaseType_t priority, StackType_t *stack, StaticTask_t *task);
UBaseType_t uxTaskGetSystemState(TaskStatus_t *tasks, UBaseType_t most, uint32_t *total);

#endif
