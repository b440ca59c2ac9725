/* SPDX-License-Identifier: Apache-2.0
 *
 * A device of which a test says line by line what happens, and that prints what its console prints. The numbers of blocks, tasks and
 * PCs are the test's, which keeps its own book.
 *
 *     a NUMBER SIZE HEAP    allocates       f NUMBER    frees       r OLD NEW SIZE    reallocates
 *     t NUMBER              task; 0: before the scheduler, 1: an interrupt           g TAG    of what comes now
 *     w TICKS               time passes     h NUMBER NAME MEMORY CAPABILITIES        m NUMBER NAME    names
 *     b BYTES               begin of leaks, with so much of the application's memory    e    their end    d    double frees are told    s STACKLESS    without stacks
 *     p ROUNDS              other cores allocate and free so often, while the console shows what lives
 *     z SEED                somebody writes over the tables that the console reads, not the header
 *     k NUMBER              heap 0 has so many bytes less     x HEX    a line for the console, in hexadecimal
 *     (anything else)       a line for the console
 */
#include <pthread.h>
#include <string.h>

#include "memtrace_console.h"
#include "memtrace_double_free.h"
#include "memtrace_leaks.h"
#include "memtrace_modules.h"
#include "memtrace_system.h"
#include "world.h"

#define DEPTH 3u
#define NAME_BYTES 32u
#define NAMES 16u

static size_t used;
static unsigned bytes_of_ring;
static char *lent; /* what the application lends */
static bool stackless;
static char names[NAMES][NAME_BYTES]; /* the recorder copies them, the system's stay */

bool memtrace_system_heap(unsigned index, struct memtrace_heap_state *state)
{
    const struct memtrace_heap_state heaps[] = {
        {"DRAM", MEMTRACE_MEMORY_INTERNAL, 0x1804, 300000, 200000 - used, 150000, 100000},
        {"RTC RAM", MEMTRACE_MEMORY_INTERNAL, 0x8004, 8000, 7000, 7000, 6000},
        {"SPIRAM", MEMTRACE_MEMORY_EXTERNAL, 0x404, 4000000, 3900000, 3800000, 3700000},
    };
    if (index >= sizeof heaps / sizeof heaps[0])
        return false;
    *state = heaps[index];
    return true;
}

bool memtrace_system_task(unsigned index, struct memtrace_task_state *state)
{
    const struct memtrace_task_state tasks[] = {
        {"main", TASK(1), 'X', 1, 5, 5, 0x3fc00000, 0x3fc00100, 0x3fc01000, 512},
        {"Tmr Svc", TASK(2), 'B', 2, 1, 1, 0x3fc02000, 0x3fc02f00, 0x3fc03000, 1024},
        {NULL, TASK(3), 'R', 3, 0, 2, 0, 0, 0, 0},
    };
    if (index >= sizeof tasks / sizeof tasks[0])
        return false;
    *state = tasks[index];
    return true;
}

/* The stack of what block `number` is about; `what` tells its allocation from its free. */
static struct memtrace_caller stack_for(unsigned number, unsigned what)
{
    uintptr_t pcs[DEPTH];
    for (unsigned i = 0; i < DEPTH; i++)
        pcs[i] = CODE + (number * 8 + what * 4 + i) * 16;
    return stack_of(pcs, stackless ? 1 : DEPTH);
}

static void put(void *context, const char *text, size_t bytes)
{
    CHECK(context == &used && fwrite(text, 1, bytes, stdout) == bytes && text[bytes - 1] == '\n');
}

static const struct memtrace_console_output output = {put, &used, false};
static const struct memtrace_console_output for_monitors = {put, &used, true};

static void reallocate(unsigned old, unsigned new, unsigned size)
{
    struct memtrace_realloc begun = memtrace_realloc_begin(stack_for(new, 0), block_at(old), size, 0);
    memtrace_realloc_end(begun, block_at(old), block_at(new), size, 0);
}

/* ---- others meanwhile ---- */

#define CORES 3u
#define CORE_BLOCKS 40u

static unsigned rounds, running;

static uint32_t random_next(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* Blocks whose size follows from their number, as their stack does. */
static void *core_run(void *argument)
{
    unsigned core = (unsigned)(uintptr_t)argument;
    bool lives[CORE_BLOCKS] = {false};
    uint32_t seed = core;
    here.core = core;
    here.context = TASK(core);
    for (unsigned left = rounds; left > 0; left--) {
        unsigned at = random_next(&seed) % CORE_BLOCKS, number = core * CORE_BLOCKS + at;
        if (lives[at])
            memtrace_free(stack_for(number, 1), block_at(number), 0);
        else
            memtrace_alloc(stack_for(number, 0), block_at(number), number * 3 + 1, 1);
        lives[at] = !lives[at];
    }
    (void)__atomic_sub_fetch(&running, 1, __ATOMIC_RELEASE);
    return NULL;
}

static void storm(unsigned each)
{
    pthread_t threads[CORES];
    rounds = each;
    running = CORES;
    for (unsigned i = 0; i < CORES; i++)
        CHECK(pthread_create(&threads[i], NULL, core_run, (void *)(uintptr_t)(i + 1)) == 0);
    while (__atomic_load_n(&running, __ATOMIC_ACQUIRE) != 0)
        (void)memtrace_console("show", &output);
    for (unsigned i = 0; i < CORES; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
}

static void tables_overwrite(uint32_t seed)
{
    const struct memtrace_header *header = memtrace_ring;
    const struct memtrace_table tables[] = {header->events, header->stacks, header->live, header->names};
    for (unsigned i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        uint32_t *word = (uint32_t *)(void *)((char *)memtrace_ring + tables[i].offset);
        for (uint32_t left = tables[i].entry_size * tables[i].count / 4; left > 0; left--, word++) {
            if (random_next(&seed) % 4 == 0)
                *word = random_next(&seed) % 3 == 0 ? random_next(&seed) % 64 : random_next(&seed) * 2654435761u;
        }
    }
}

static void line_of_bytes(const char *hex)
{
    char line[1024];
    size_t length = 0;
    unsigned byte;
    for (; length + 1 < sizeof line && sscanf(hex, "%2x", &byte) == 1; hex += 2)
        line[length++] = (char)byte;
    line[length] = '\0';
    (void)memtrace_console(line, &output);
}

/* false: it is none of these. */
static bool obey_event(char what, unsigned a, unsigned b, unsigned c)
{
    switch (what) {
    case 'a':
        memtrace_alloc(stack_for(a, 0), block_at(a), b, c);
        return true;
    case 'f':
        memtrace_free(stack_for(a, 1), block_at(a), 0);
        return true;
    case 'r':
        reallocate(a, b, c);
        return true;
    case 't':
        here.context = a < 2 ? a : TASK(a);
        return true;
    case 'g':
        (void)memtrace_module_enter(a);
        return true;
    case 'w':
        world_time += a;
        return true;
    case 's':
        stackless = a != 0;
        return true;
    case 'k':
        used = a;
        return true;
    default:
        return false;
    }
}

static void leaks_begin(unsigned bytes)
{
    free(lent); /* which nobody touches any more, or ASan says so */
    lent = bytes != 0 ? malloc(bytes) : NULL;
    CHECK(memtrace_leaks_begin(lent, bytes) == (bytes_of_ring != 0 || bytes != 0));
}

static void name_give(const char *line, unsigned number)
{
    unsigned memory = 0, capabilities = 0;
    char *name = names[number % NAMES];
    if (line[0] == 'm')
        CHECK(sscanf(line, "m %*u %31s", name) == 1 && memtrace_module_name(number, name));
    else
        CHECK(sscanf(line, "h %*u %31s %u %u", name, &memory, &capabilities) == 3 &&
              memtrace_name_heap(number, name, (enum memtrace_memory)memory, capabilities));
}

static void obey(const char *line)
{
    unsigned a = 0, b = 0, c = 0;
    (void)sscanf(line + 1, "%u %u %u", &a, &b, &c);
    if (line[1] != ' ' && line[1] != '\0')
        (void)memtrace_console(line, &output);
    else if (obey_event(line[0], a, b, c))
        return;
    else if (line[0] == 'b')
        leaks_begin(a);
    else if (line[0] == 'e')
        memtrace_leaks_end(a == 0 ? &output : &for_monitors);
    else if (line[0] == 'd')
        memtrace_double_free_to(&output);
    else if (line[0] == 'p')
        storm(a);
    else if (line[0] == 'z')
        tables_overwrite(a);
    else if (line[0] == 'x')
        line_of_bytes(line + 2);
    else
        name_give(line, a);
}

int main(int count, char **arguments)
{
    char line[4096];
    unsigned live = 0, stack_bytes = 0;
    CHECK(count == 4 && sscanf(arguments[1], "%u", &bytes_of_ring) == 1 && sscanf(arguments[2], "%u", &live) == 1 &&
          sscanf(arguments[3], "%u", &stack_bytes) == 1);
    struct memtrace_config config = {.stack_bytes = stack_bytes, .names = 32, .live = live};
    if (bytes_of_ring != 0)
        CHECK(ring_start(bytes_of_ring, &config) != NULL);
    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        obey(line);
    }
    ring_end();
    free(lent);
    return 0;
}
