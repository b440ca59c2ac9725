/* SPDX-License-Identifier: Apache-2.0 */
#include "task_stats.h"

#include <stdbool.h>
#include <string.h>

#include "multi_heap.h"

typedef struct {
    void *task;
    void *address;
    uint32_t size;
} heap_task_block_t;

typedef struct alloc_stats {
    heap_task_block_t alloc_stat;
    struct {
        struct alloc_stats *stqe_next;
    } next_alloc_stat;
} alloc_stats_t;

typedef struct {
    const char *name;
    size_t current_usage;
    size_t alloc_count;
} heap_stat_t;

typedef struct heap_stats {
    multi_heap_handle_t heap;
    heap_stat_t heap_stat;
    struct {
        struct alloc_stats *stqh_first;
        struct alloc_stats **stqh_last;
    } allocs_stats;
    struct {
        struct heap_stats *stqe_next;
    } next_heap_stat;
} heap_stats_t;

typedef struct {
    char name[TASK_NAME_BYTES];
    void *handle;
    bool is_alive;
    heap_stat_t *heap_stat;
} task_stat_t;

typedef struct task_stats {
    task_stat_t task_stat;
    struct {
        struct heap_stats *stqh_first;
        struct heap_stats **stqh_last;
    } heaps_stats;
    struct {
        struct task_stats *sle_next;
    } next_task_info;
} task_info_t;

static struct task_stats_ll {
    struct task_stats *slh_first;
} task_stats;

static void *current_task;
static const char *current_name = "Pre-scheduler";

void task_stats_switch(void *task, const char *name)
{
    current_task = task;
    current_name = name;
}

void *task_stats_current(void)
{
    return current_task;
}

static void *node_make(size_t bytes)
{
    return memset(multi_heap_malloc(registered_heaps.slh_first->heap, bytes), 0, bytes);
}

static task_info_t *task_find(void)
{
    task_info_t *task = task_stats.slh_first;
    while (task != NULL && task->task_stat.handle != current_task) {
        task = task->next_task_info.sle_next;
    }
    if (task == NULL) {
        task = node_make(sizeof *task);
        task->task_stat.handle = current_task;
        task->task_stat.is_alive = true;
        strncpy(task->task_stat.name, current_name, sizeof task->task_stat.name - 1);
        task->heaps_stats.stqh_last = &task->heaps_stats.stqh_first;
        task->next_task_info.sle_next = task_stats.slh_first;
        task_stats.slh_first = task;
    }
    return task;
}

static heap_stats_t *heap_find(task_info_t *task, multi_heap_handle_t handle)
{
    heap_stats_t *heap = task->heaps_stats.stqh_first;
    while (heap != NULL && heap->heap != handle) {
        heap = heap->next_heap_stat.stqe_next;
    }
    if (heap == NULL) {
        heap = node_make(sizeof *heap);
        heap->heap = handle;
        heap->heap_stat.name = "RAM";
        heap->allocs_stats.stqh_last = &heap->allocs_stats.stqh_first;
        *task->heaps_stats.stqh_last = heap;
        task->heaps_stats.stqh_last = &heap->next_heap_stat.stqe_next;
    }
    return heap;
}

void heap_caps_update_per_task_info_alloc(struct heap_t_ *heap, void *pointer, size_t size, uint32_t caps)
{
    heap_stats_t *list = heap_find(task_find(), heap->heap);
    alloc_stats_t *node = node_make(sizeof *node);
    (void)caps;
    node->alloc_stat = (heap_task_block_t){current_task, pointer, size};
    list->heap_stat.current_usage += size;
    list->heap_stat.alloc_count++;
    *list->allocs_stats.stqh_last = node;
    list->allocs_stats.stqh_last = &node->next_alloc_stat.stqe_next;
}

static void node_remove(heap_stats_t *heap, alloc_stats_t **link)
{
    alloc_stats_t *node = *link;
    *link = node->next_alloc_stat.stqe_next;
    if (*link == NULL) {
        heap->allocs_stats.stqh_last = link;
    }
    multi_heap_free(registered_heaps.slh_first->heap, node);
}

void heap_caps_update_per_task_info_free(void *pointer)
{
    for (task_info_t *task = task_stats.slh_first; task != NULL; task = task->next_task_info.sle_next) {
        heap_stats_t *heap = task->heaps_stats.stqh_first;
        for (; heap != NULL; heap = heap->next_heap_stat.stqe_next) {
            alloc_stats_t **link = &heap->allocs_stats.stqh_first;
            while (*link != NULL && (*link)->alloc_stat.address != pointer) {
                link = &(*link)->next_alloc_stat.stqe_next;
            }
            if (*link != NULL) {
                node_remove(heap, link);
                return;
            }
        }
    }
}
