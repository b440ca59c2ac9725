/* SPDX-License-Identifier: Apache-2.0 */
#include "tasks.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "board.h"
#include "rtos.h"

#define PRIORITIES 5
#define CHECK_WORD 0x5a5a5a5au

/* KERNEL_CHECK_WORDS: as FreeRTOS has them with configUSE_LIST_DATA_INTEGRITY_CHECK_BYTES. KERNEL_STACK_ENDS: pxEndOfStack. */
#ifdef KERNEL_CHECK_WORDS
#define CHECK(name) uint32_t name;
#define CHECKED .xListItemIntegrityValue1 = CHECK_WORD,
#else
#define CHECK(name)
#define CHECKED
#endif

struct xLIST;

typedef struct xLIST_ITEM {
    CHECK(xListItemIntegrityValue1)
    uint32_t xItemValue;
    struct xLIST_ITEM *pxNext;
    struct xLIST_ITEM *pxPrevious;
    void *pvOwner;
    struct xLIST *pxContainer;
    CHECK(xListItemIntegrityValue2)
} ListItem_t;

/* Begins as ListItem_t does, and is taken for one. */
typedef struct xMINI_LIST_ITEM {
    CHECK(xListItemIntegrityValue1)
    uint32_t xItemValue;
    struct xLIST_ITEM *pxNext;
    struct xLIST_ITEM *pxPrevious;
} MiniListItem_t;

typedef struct xLIST {
    CHECK(xListIntegrityValue1)
    volatile uint32_t uxNumberOfItems;
    ListItem_t *pxIndex;
    MiniListItem_t xListEnd;
    CHECK(xListIntegrityValue2)
} List_t;

typedef struct tskTaskControlBlock {
    volatile void *pxTopOfStack; /* valid while the task does not run */
    ListItem_t xStateListItem;
    ListItem_t xEventListItem;
    uint32_t uxPriority;
    uint8_t *pxStack;
    char pcTaskName[16];
#ifdef KERNEL_STACK_ENDS
    uint8_t *pxEndOfStack; /* the stack's last word */
#endif
    struct task recorded; /* as the recorder wants to know it; its handle */
} TCB_t;

_Static_assert(offsetof(ListItem_t, pxPrevious) == offsetof(MiniListItem_t, pxPrevious), "an end is taken for an item");

TCB_t *volatile pxCurrentTCB;
static List_t pxReadyTasksLists[PRIORITIES];
static List_t xDelayedTaskList1;
static List_t xDelayedTaskList2;
static List_t xPendingReadyList;
static List_t xSuspendedTaskList;
static List_t xTasksWaitingTermination;
static volatile uint32_t uxCurrentNumberOfTasks;

static TCB_t static_control;
static uint8_t static_stack[KERNEL_STACK_BYTES] __attribute__((aligned(16)));

/* The compiler must not see that this is less than it is taken for. */
__attribute__((noipa)) static ListItem_t *list_end(List_t *list)
{
    return (ListItem_t *)(void *)&list->xListEnd;
}

static void list_init(List_t *list)
{
    *list = (List_t){.xListEnd = {CHECKED.xItemValue = UINT32_MAX}};
    list->pxIndex = list->xListEnd.pxNext = list->xListEnd.pxPrevious = list_end(list);
}

static void list_append(List_t *list, ListItem_t *item)
{
    ListItem_t *end = list_end(list);
    item->pxNext = end;
    item->pxPrevious = end->pxPrevious;
    end->pxPrevious->pxNext = item;
    end->pxPrevious = item;
    item->pxContainer = list;
    list->uxNumberOfItems++;
}

static void list_remove(ListItem_t *item)
{
    item->pxNext->pxPrevious = item->pxPrevious;
    item->pxPrevious->pxNext = item->pxNext;
    item->pxContainer->uxNumberOfItems--;
    item->pxContainer = NULL;
}

static void lists_init(void)
{
    List_t *const others[] = {&xDelayedTaskList1, &xDelayedTaskList2, &xPendingReadyList, &xSuspendedTaskList,
                              &xTasksWaitingTermination};
    for (unsigned i = 0; i < PRIORITIES; i++) {
        list_init(&pxReadyTasksLists[i]);
    }
    for (unsigned i = 0; i < sizeof others / sizeof *others; i++) {
        list_init(others[i]);
    }
}

static void task_init(TCB_t *task, uint8_t *stack, const char *name, unsigned priority, kernel_entry entry)
{
    if (uxCurrentNumberOfTasks++ == 0) {
        lists_init();
    }
    memset(task, 0, sizeof *task);
    memset(stack, 0xa5, KERNEL_STACK_BYTES);
    strncpy(task->pcTaskName, name, sizeof task->pcTaskName - 1);
    strncpy(task->recorded.name, name, TASK_NAME_BYTES - 1);
    task->uxPriority = priority;
    task->pxStack = stack;
#ifdef KERNEL_STACK_ENDS
    task->pxEndOfStack = stack + KERNEL_STACK_BYTES - sizeof(uint32_t);
#endif
    task->pxTopOfStack = board_context_create(stack, KERNEL_STACK_BYTES, entry);
    task->xStateListItem.pvOwner = task->xEventListItem.pvOwner = task;
    list_append(&pxReadyTasksLists[priority], &task->xStateListItem);
    if (pxCurrentTCB == NULL || pxCurrentTCB->uxPriority <= priority) {
        pxCurrentTCB = task;
    }
}

void kernel_create(const char *name, unsigned priority, kernel_entry entry)
{
    uint8_t *stack = malloc(KERNEL_STACK_BYTES);
    task_init(malloc(sizeof(TCB_t)), stack, name, priority, entry);
}

void kernel_create_static(const char *name, unsigned priority, kernel_entry entry)
{
    task_init(&static_control, static_stack, name, priority, entry);
}

static void running_set(const TCB_t *task)
{
    struct board_running *running = &board_running[board_core()];
    running->context = (uintptr_t)&task->recorded;
    running->low = (uintptr_t)task->pxStack;
    running->high = (uintptr_t)task->pxStack + KERNEL_STACK_BYTES - BOARD_GLUE_BYTES;
}

static TCB_t *most_urgent(void)
{
    for (unsigned priority = PRIORITIES; priority-- > 0;) {
        List_t *list = &pxReadyTasksLists[priority];
        if (list->uxNumberOfItems > 0) {
            return list->xListEnd.pxNext->pvOwner;
        }
    }
    return NULL;
}

/* A debugger finds the source of the kernel by this function. */
void vTaskSwitchContext(void)
{
    pxCurrentTCB = most_urgent();
    running_set(pxCurrentTCB);
}

static void switch_from(volatile void **save)
{
    while (most_urgent() == NULL) {
    }
    uint32_t interrupts = board_interrupts_off();
    vTaskSwitchContext();
    board_context_switch((void **)save, (void *)pxCurrentTCB->pxTopOfStack);
    board_interrupts_restore(interrupts);
}

void kernel_start(void)
{
    volatile void *unused;
    switch_from(&unused);
}

static void move_to(List_t *list)
{
    TCB_t *task = pxCurrentTCB;
    list_remove(&task->xStateListItem);
    list_append(list, &task->xStateListItem);
    switch_from(&task->pxTopOfStack);
}

void kernel_delay(void)
{
    move_to(&xDelayedTaskList1);
}

void kernel_suspend(void)
{
    move_to(&xSuspendedTaskList);
}

void kernel_delete(void)
{
    move_to(&xTasksWaitingTermination);
}
