/* SPDX-License-Identifier: Apache-2.0
 *
 * The firmware's frame: heaps, ring, the task "main", and in it the scenario that was asked for. No configuration: seed.
 */
#include <string.h>

#include "board.h"
#include "firmware.h"
#include "heap_caps.h"
#include "memtrace.h"
#include "rtos.h"
#include "scenarios.h"

#define HEAP_MAIN_BYTES (288u * 1024)
#define HEAP_SECOND_BYTES (48u * 1024)
#define RING_BYTES (32u * 1024)
#define RING_BYTES_BENCH (128u * 1024)
#ifdef MEMTRACE_TEST_RETAINED
#define RING_SECTION ".noinit"
#define RING_BYTES_MAX (1024u * 1024) /* two halves */
#else
#define RING_SECTION ".bss.ring"
#define RING_BYTES_MAX (10u * 1024 * 1024)
#endif
#define TAG_SCENARIO 7u
#define MAIN_STACK_BYTES 16384u
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

char scenario_name[32] = "seed";
struct ring_setup ring_setup = {0, 5120, 0, 0};

static char heap_main[HEAP_MAIN_BYTES] __attribute__((section(".bss.heap_main"), aligned(16)));
static char heap_second[HEAP_SECOND_BYTES] __attribute__((section(".bss.heap_second"), aligned(16)));
static char ring_memory[RING_BYTES_MAX] __attribute__((section(RING_SECTION), aligned(16)));
static struct task main_task;
static char main_stack[MAIN_STACK_BYTES] __attribute__((aligned(16)));

const soc_memory_type_desc_t soc_memory_types[] = {
    {"RAM", {MALLOC_CAP_INTERNAL | MALLOC_CAP_8BIT | MALLOC_CAP_32BIT | MALLOC_CAP_DEFAULT, 0, 0}},
    {"SPIRAM", {MALLOC_CAP_SPIRAM | MALLOC_CAP_8BIT | MALLOC_CAP_32BIT, 0, 0}},
};
const size_t soc_memory_type_count = COUNT(soc_memory_types);

struct scenario {
    const char *name;
    void (*run)(void);
    uint32_t ring_bytes; /* 0: RING_BYTES */
};

static const struct scenario scenarios[] = {
    {"seed", test_used_after_free, 0},
    {"clean", test_clean, 0},
    {"overflow-1", test_overflow_1, 0},
    {"overflow-1-nul", test_overflow_1_nul, 0},
    {"overflow-4", test_overflow_4, 0},
    {"overflow-16", test_overflow_16, 0},
    {"handlers", test_handlers, 0},
    {"realloc-overflow", test_realloc_overflow, 0},
    {"header-zeroed", test_header_zeroed, 0},
    {"underflow-1", test_underflow_1, 0},
    {"underflow-2", test_underflow_2, 0},
    {"uaf-links", test_uaf_links, 0},
    {"uaf-links-text", test_uaf_links_text, 0},
    {"double-free", test_double_free, 0},
    {"double-free-late", test_double_free_late, 0},
    {"dma", test_dma, 0},
    {"stray", test_stray, 0},
    {"stray-assert", test_stray_assert, 0},
    {"unseen-free", test_unseen_free, 0},
    {"shared", test_shared, 0},
    {"joined", test_joined, 0},
    {"wrong-heap", test_wrong_heap, 0},
    {"inner-free", test_inner_free, 0},
    {"overwritten", test_overwritten, 0},
    {"reused", test_reused, 0},
    {"leak", test_leak, 0},
    {"exhaustion", test_exhaustion, 0},
    {"random", test_random, 4096},
    {"endless", test_endless, 4096},
    {"two-heaps", test_two_heaps, 0},
    {"two-heaps-overflow", test_two_heaps_overflow, 0},
    {"isr", test_isr, 0},
    {"isr-overflow", test_isr_overflow, 0},
    {"isr-few", test_isr_few, 0},
    {"tasks", test_tasks, 0},
    {"tasks-overflow", test_tasks_overflow, 0},
    {"inlined", test_inlined, 0},
    {"callers", test_callers, 0},
    {"step", test_step, 0},
    {"kernel", test_kernel, 0},
    {"smp", test_smp, 0},
#ifdef MEMTRACE_TEST_CONSOLE
    {"console", test_console, 0},
#endif
    {"bench", test_bench, RING_BYTES_BENCH},
    {"bench-off", test_bench_off, RING_BYTES_BENCH},
};

__attribute__((noipa)) void scenario_done(void)
{
}

static const struct scenario *scenario_find(const char *name)
{
    for (unsigned i = 0; i < COUNT(scenarios); i++) {
        if (strcmp(scenarios[i].name, name) == 0) {
            return &scenarios[i];
        }
    }
    board_print("no such scenario: ");
    board_print(name);
    board_print("\n");
    board_exit(BOARD_UNKNOWN);
}

static void print_phase(const char *phase)
{
    board_print(scenario_name);
    board_print(phase);
}

/* ---- arguments ---- */

void argument_text(const char *name, char *text, size_t bytes)
{
    const char *value = board_argument(name);
    size_t length = value != NULL ? strcspn(value, " ") : 0;
    if (value != NULL && length < bytes) {
        memcpy(text, value, length);
        text[length] = '\0';
    }
}

void argument_number(const char *name, uint32_t *number)
{
    const char *value = board_argument(name);
    if (value == NULL) {
        return;
    }
    *number = 0;
    for (; *value >= '0' && *value <= '9'; value++) {
        *number = *number * 10 + (uint32_t)(*value - '0');
    }
}

static void arguments_read(void)
{
    argument_text("scenario=", scenario_name, sizeof scenario_name);
    argument_number("ring=", &ring_setup.bytes);
    argument_number("live=", &ring_setup.live);
}

/* ---- memory ---- */

/* RAM is full of something after a reset, and a heap of zeros would hide what it leaves unwritten. */
static void heaps_init(void)
{
    const struct heap_region regions[] = {{heap_main, sizeof heap_main, 0}, {heap_second, sizeof heap_second, 1}};
    memset(heap_main, 0xA5, sizeof heap_main);
    memset(heap_second, 0xA5, sizeof heap_second);
    heap_caps_init(regions, COUNT(regions), soc_memory_types);
}

static uint32_t ring_bytes_wanted(const struct scenario *scenario)
{
    uint32_t wanted = ring_setup.bytes != 0 ? ring_setup.bytes : scenario->ring_bytes;
    return wanted == 0 ? RING_BYTES : wanted > RING_BYTES_MAX ? RING_BYTES_MAX : wanted;
}

static void ring_init(const struct scenario *scenario)
{
    uint32_t bytes = ring_bytes_wanted(scenario);
    size_t stack_bytes = bytes == RING_BYTES ? ring_setup.stack_bytes : 0;
    struct memtrace_config config = {stack_bytes, ring_setup.names, ring_setup.live};
#ifdef MEMTRACE_TEST_RETAINED
    bool started = memtrace_init_retained(ring_memory, 2 * bytes, &config) &&
                   memtrace_name_heap(0, "RAM", MEMTRACE_MEMORY_INTERNAL, soc_memory_types[0].caps[0]) &&
                   memtrace_name_tag(TAG_SCENARIO, scenario_name);
#else
    memset(ring_memory, 0xA5, bytes);
    bool started = memtrace_init(ring_memory, bytes, &config);
#endif
    if (!started) {
        print_phase(": no ring\n");
    }
}

/* ---- tasks ---- */

__attribute__((noipa)) void app_main(void)
{
    const struct scenario *scenario = scenario_find(scenario_name);
    traffic_run();
    print_phase(": start\n");
#ifdef MEMTRACE_TEST_RETAINED
    memtrace_tag(TAG_SCENARIO);
    if (memtrace_previous() == NULL) /* the run behind one that the scenario ended does nothing more */
#endif
        scenario->run();
    print_phase(": done\n");
    scenario_done();
    board_exit(BOARD_PASSED);
}

int main(void)
{
    arguments_read();
    heaps_init();
    ring_init(scenario_find(scenario_name));
#ifdef MEMTRACE_TEST_SINK
    if (!sink_begin())
        print_phase(": no log\n");
#endif
    print_phase(": boot\n");
    task_create(&main_task, "main", app_main, main_stack, sizeof main_stack);
    scheduler_run();
    return 0;
}
