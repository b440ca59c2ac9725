/* SPDX-License-Identifier: Apache-2.0
 *
 * A program with ESP-IDF's heap tracing and not our recorder. Arguments: scenario=NAME mode=all|leaks records=N.
 *
 *   clean     one block freed, its address used again, one block lost
 *   overflow  the same, then a write past the end of a block; the neighbour's free asserts
 *   stopped   tracing is off before the last allocations
 *   paused    allocations are no longer traced
 *   in-heap   clean, with the records in a block of the second heap
 *   untraced  clean, and nothing is traced
 *   double, inner, static, constant, stack, pool, fault     as clean, then what is given to free is wrong; the last is
 *             a block that was filled far beyond its end
 *   over      as clean, then the task calls itself until its frames lie below its stack
 *   low       as clean, then the block below that stack is written past its end
 *   own       as clean, then an assertion that has nothing to do with a heap
 */
#include <stdlib.h>
#include <string.h>

#include "board.h"
#include "deaths.h"
#include "heap_caps.h"
#include "heap_trace.h"
#include "task_stats.h"
#ifdef IDF_KERNEL
#include "tasks.h"

extern struct tskTaskControlBlock *volatile pxCurrentTCB; /* the handle of the task that runs */
#endif

#define HEAP_MAIN_BYTES (288u * 1024)
#define HEAP_SECOND_BYTES (48u * 1024)
#define RECORDS 16u
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SCENARIO __attribute__((noipa))
#define FAR_BYTES 160u

static char heap_main[HEAP_MAIN_BYTES] __attribute__((section(".bss.heap_main"), aligned(16)));
static char heap_second[HEAP_SECOND_BYTES] __attribute__((section(".bss.heap_second"), aligned(16)));
static heap_trace_record_t trace_records[RECORDS];
char scenario_name[32] = "clean";
void *kept[4]; /* connection, frame, neighbour of the frame, reply */
void *table[24];
static long long tasks[2]; /* their addresses are the tasks' handles */
uintptr_t lost;            /* address of the lost block, not a pointer to it: all its bits are inverted */

const soc_memory_type_desc_t soc_memory_types[] = {
    {"RAM", {MALLOC_CAP_INTERNAL | MALLOC_CAP_8BIT | MALLOC_CAP_32BIT | MALLOC_CAP_DEFAULT, 0, 0}},
    {"SPIRAM", {MALLOC_CAP_SPIRAM | MALLOC_CAP_8BIT | MALLOC_CAP_32BIT, 0, 0}},
};
const size_t soc_memory_type_count = COUNT(soc_memory_types);

int main(void);
void task_exit(void);

/* ---- the allocator's entries, traced as IDF traces them ---- */

void *__real_heap_caps_malloc(size_t size, uint32_t caps);
void __real_heap_caps_free(void *pointer);
void *__wrap_heap_caps_malloc(size_t size, uint32_t caps);
void __wrap_heap_caps_free(void *pointer);

#if defined IDF_TASKS || defined IDF_KERNEL
/* The owner's handle lies in front of what the user gets. */
static void *owned_malloc(size_t size, uint32_t caps)
{
    void **pointer = __real_heap_caps_malloc(size + sizeof *pointer, caps);
#ifdef IDF_TASKS
    *pointer = task_stats_current();
    heap_caps_update_per_task_info_alloc(registered_heaps.slh_first, pointer + 1, size, caps);
#else
    *pointer = pxCurrentTCB;
#endif
    return pointer + 1;
}

static void owned_free(void *pointer)
{
#ifdef IDF_TASKS
    heap_caps_update_per_task_info_free(pointer);
#endif
    __real_heap_caps_free((void **)pointer - 1);
}
#else
#define owned_malloc __real_heap_caps_malloc
#define owned_free __real_heap_caps_free
#endif

void *__wrap_heap_caps_malloc(size_t size, uint32_t caps)
{
    void *pointer = owned_malloc(size, caps);
    heap_trace_record_alloc(pointer, size);
    return pointer;
}

void __wrap_heap_caps_free(void *pointer)
{
    heap_trace_record_free(pointer);
    owned_free(pointer);
}

SCENARIO void *malloc(size_t size)
{
    return heap_caps_malloc(size, MALLOC_CAP_DEFAULT);
}

SCENARIO void free(void *pointer)
{
    heap_caps_free(pointer);
}

/* ---- what the program does ---- */

SCENARIO static void *connection_open(void)
{
    return malloc(100); /* LINE: open */
}

SCENARIO static void *header_parse(void)
{
    return malloc(48); /* LINE: parse */
}

SCENARIO static void header_drop(void *header)
{
    free(header); /* LINE: drop */
}

SCENARIO static void *reply_make(void)
{
    return malloc(48); /* LINE: reply */
}

SCENARIO static uintptr_t cookie_lose(void)
{
    return ~(uintptr_t)malloc(72); /* LINE: lose */
}

SCENARIO static void frame_make(void)
{
    kept[1] = malloc(64); /* LINE: frame */
    kept[2] = malloc(64); /* LINE: neighbour */
}

SCENARIO static void frame_fill(char *frame)
{
    memset(frame, 0x55, 64 + 4); /* LINE: fill */
}

SCENARIO static void frame_end(void)
{
    free(kept[2]); /* LINE: end */
}

SCENARIO static void frame_drop(void)
{
    free(kept[1]); /* LINE: frame-drop */
}

SCENARIO static void frame_return(void)
{
    multi_heap_free(registered_heaps.slh_first->next.sle_next->heap, kept[1]); /* LINE: return */
}

/* A number, and volatile: a checker of sources would see through a pointer. */
static volatile uintptr_t wrong;

SCENARIO static void given_wrongly(void)
{
    free((void *)wrong); /* LINE: wrong */
}

__attribute__((noipa)) void scenario_done(void)
{
}

static bool is_scenario(const char *name)
{
    return strcmp(scenario_name, name) == 0;
}

#if defined IDF_TASKS || defined IDF_KERNEL
/* Some blocks that live on, so that their owners show. */
SCENARIO static void table_make(void)
{
    for (unsigned i = 0; i < COUNT(table); i++) {
        table[i] = malloc(24); /* LINE: table */
    }
}
#endif

/* Another task allocates from now on. */
static void network_begin(void)
{
#ifdef IDF_TASKS
    table_make();
    task_stats_switch(&tasks[1], "network");
#endif
}

SCENARIO static void program_run(void)
{
    network_begin();
    kept[0] = connection_open();
    void *header = header_parse();
    header_drop(header);
    kept[3] = reply_make();
    if (kept[3] != header) {
        board_exit(BOARD_MISPLACED);
    }
    lost = cookie_lose();
    if (is_scenario("stopped")) {
        heap_trace_stop();
    } else if (is_scenario("paused")) {
        heap_trace_alloc_pause();
    }
    frame_make();
    if (is_scenario("overflow")) {
        frame_fill(kept[1]);
        frame_end();
    }
}

static const char greeting[] = "a constant text";

#ifdef IDF_KERNEL
static void *below; /* a block right below the stack of the task */

SCENARIO static unsigned stack_run_over(unsigned depth)
{
    volatile char frame[64];
    for (unsigned i = 0; i < sizeof frame; i++) {
        frame[i] = (char)(depth + i);
    }
    if ((uintptr_t)(frame + sizeof frame) > board_running[0].low) {
        depth = stack_run_over(depth + 1);
    }
    return depth + (unsigned)frame[0];
}
#endif

/* What is given to free is no block, or no longer one. */
SCENARIO static void wrong_run(void)
{
    char local[32] = "a text on the stack";
    const struct {
        const char *scenario;
        uintptr_t pointer;
    } given[] = {
        {"double", (uintptr_t)kept[1]},    {"inner", (uintptr_t)kept[1] + 16}, {"static", (uintptr_t)table},
        {"constant", (uintptr_t)greeting}, {"stack", (uintptr_t)local},
    };
    for (unsigned i = 0; i < COUNT(given); i++) {
        wrong = is_scenario(given[i].scenario) ? given[i].pointer : wrong;
    }
    if (is_scenario("double")) {
        frame_drop();
    }
    if (wrong != 0) {
        given_wrongly();
    } else if (is_scenario("pool")) {
        frame_return();
    } else if (is_scenario("fault")) {
        memset(kept[1], 0x13, FAR_BYTES); /* LINE: far */
        frame_drop();
#ifdef IDF_KERNEL
    } else if (is_scenario("over")) {
        stack_run_over(1);
    } else if (is_scenario("low")) {
        memset(below, 0x55, FAR_BYTES + 32);
#endif
    } else if (is_scenario("own")) {
        __assert_func("program.c", 1, "wrong_run", "an own one");
    }
}

/* ---- frame ---- */

SCENARIO static void network_main(void)
{
    program_run();
    wrong_run();
    scenario_done();
    board_exit(BOARD_PASSED);
}

#ifdef IDF_KERNEL
SCENARIO static void table_main(void)
{
    table_make();
    kernel_delay();
}
#endif

static unsigned records_wanted(void)
{
    const char *value = board_argument("records=");
    return value == NULL ? RECORDS : (unsigned)(*value - '0');
}

static void trace_start(void)
{
    const char *mode = board_argument("mode=");
    heap_trace_record_t *place = trace_records;
    if (is_scenario("in-heap")) {
        place = __real_heap_caps_malloc(sizeof trace_records, MALLOC_CAP_SPIRAM);
    }
    heap_trace_init_standalone(place, records_wanted());
    heap_trace_start(mode != NULL && *mode == 'l' ? HEAP_TRACE_LEAKS : HEAP_TRACE_ALL);
}

static void scenario_read(void)
{
    const char *value = board_argument("scenario=");
    size_t length = value != NULL ? strcspn(value, " ") : 0;
    if (value != NULL && length < sizeof scenario_name) {
        memcpy(scenario_name, value, length);
        scenario_name[length] = '\0';
    }
}

__attribute__((noipa)) static void app_main(uintptr_t unused)
{
    (void)unused;
    if (!is_scenario("untraced")) {
        trace_start();
    }
#ifdef IDF_KERNEL
    below = is_scenario("over") || is_scenario("low") ? malloc(FAR_BYTES) : NULL; /* LINE: below */
    kernel_create("network", 1, network_main);
    kernel_create("main", 2, table_main);
    kernel_start();
#else
    network_main();
#endif
}

int main(void)
{
    const struct heap_region regions[] = {{heap_main, sizeof heap_main, 0}, {heap_second, sizeof heap_second, 1}};
    memset(heap_main, 0xA5, sizeof heap_main);
    memset(heap_second, 0xA5, sizeof heap_second);
    heap_caps_init(regions, COUNT(regions), soc_memory_types);
    scenario_read();
    task_stats_switch(&tasks[0], "main");
    board_call_root(app_main, 0);
    return 0;
}

/* There are no tasks to end; the board's start-up names it. */
void task_exit(void)
{
    board_exit(BOARD_FAULTED);
}
