/* SPDX-License-Identifier: Apache-2.0
 *
 * A log in real files: `files FOLDER NAME MAX_BYTES TWO EVENTS FILE_BYTES DIES` records EVENTS allocations, number i of i + 1 bytes, and
 * writes their log. FILE_BYTES: no file may become larger (0: any may). DIES: an assertion ends the run, with 200 events more that no poll
 * has seen, and the program starts again with what a reset leaves of its memory, for 10 events. It prints what was dropped.
 */
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#include "memtrace_file.h"
#include "world.h"

enum { SINK_BYTES = 3072 };

/* What a reset leaves alone. */
static uint64_t ring_memory[4096];
static uint64_t sink_memory[SINK_BYTES / 8];
static struct memtrace_file file;

static void start(const struct memtrace_file_config *config)
{
    struct memtrace_config tables = {.stack_bytes = 2048, .names = 8};
    CHECK(memtrace_init_retained(ring_memory, sizeof ring_memory, &tables));
    CHECK(memtrace_file_open(&file, config));
    CHECK(memtrace_sink_start(sink_memory, sizeof sink_memory, &file.output));
    here.context = (uintptr_t) "main";
}

static void allocate(unsigned first, unsigned count, bool polls)
{
    for (unsigned i = first; i < first + count; i++) {
        memtrace_alloc(caller_at(16 + i % 5 * 16), (void *)(uintptr_t)(0x20000000u + i * 16u), i + 1u, 0);
        if (polls && i % 40 == 0)
            memtrace_sink_poll();
    }
}

int main(int count, char **arguments)
{
    CHECK(count == 8);
    struct memtrace_file_config config = {.folder = arguments[1], .name = *arguments[2] != '\0' ? arguments[2] : NULL};
    config.max_bytes = (uint32_t)atoi(arguments[3]);
    config.two_in_turn = atoi(arguments[4]) != 0;
    unsigned events = (unsigned)atoi(arguments[5]);
    struct rlimit most = {(rlim_t)atoi(arguments[6]), RLIM_INFINITY};
    signal(SIGXFSZ, SIG_IGN);
    CHECK(most.rlim_cur == 0 || setrlimit(RLIMIT_FSIZE, &most) == 0);
    start(&config);
    allocate(0, events, true);
    if (atoi(arguments[7]) != 0) {
        memtrace_sink_poll();
        allocate(events, 200, false);
        memtrace_assert_failed(caller_at(16), "a text", 7, "function");
        start(&config);
        allocate(0, 10, true);
    }
    memtrace_sink_flush();
    printf("%" PRIu64 "\n", memtrace_sink_dropped());
    return 0;
}
