/* SPDX-License-Identifier: Apache-2.0
 *
 * The log of the firmware goes into a file of the host, by semihosting behind POSIX's names. What a reset must leave alone lies in
 * .noinit. A timer's interrupt drains, as long as fewer events than `polled=` were issued: then the rest waits for the next start.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "board.h"
#include "firmware.h"
#include "memtrace.h"
#include "memtrace_file.h"

#define SINK_BYTES 4096u
#define POLL_TICKS 1000u /* of 100 ns */
#define KEPT __attribute__((section(".noinit"), aligned(8)))

enum semihosting {
    SEMI_OPEN = 1,
    SEMI_CLOSE = 2,
    SEMI_WRITE = 5,
    SEMI_SEEK = 10,
    SEMI_LENGTH = 12,
    SEMI_REMOVE = 14,
    SEMI_RENAME = 15
};
enum { MODE_UPDATE = 3, MODE_CREATE = 7 }; /* fopen's r+b and w+b */

static KEPT struct memtrace_file file;
static KEPT uint64_t sink_memory[SINK_BYTES / 8];
static uint32_t polled = UINT32_MAX;
static char path[64];
static char dump_path[64];

#ifdef MEMTRACE_TEST_BENCH
uint32_t bench_drained; /* instructions of all polls */
#endif

/* The three instructions are one to the emulator: uncompressed, and on one page. */
static int32_t semihosting(enum semihosting operation, const uintptr_t *arguments)
{
    register int32_t a0 __asm__("a0") = (int32_t)operation;
    register const uintptr_t *a1 __asm__("a1") = arguments;
    __asm__ volatile(".option push\n.option norvc\n.balign 16\n"
                     "slli x0, x0, 0x1f\nebreak\nsrai x0, x0, 7\n.option pop"
                     : "+r"(a0)
                     : "r"(a1)
                     : "memory");
    return a0;
}

int open(const char *name, int flags, ...)
{
    const uintptr_t update[] = {(uintptr_t)name, MODE_UPDATE, strlen(name)};
    const uintptr_t create[] = {(uintptr_t)name, MODE_CREATE, strlen(name)};
    int descriptor = semihosting(SEMI_OPEN, update);
    return descriptor < 0 && (flags & O_CREAT) != 0 ? semihosting(SEMI_OPEN, create) : descriptor;
}

int close(int descriptor)
{
    const uintptr_t arguments[] = {(uintptr_t)descriptor};
    return semihosting(SEMI_CLOSE, arguments);
}

ssize_t write(int descriptor, const void *bytes, size_t count)
{
    const uintptr_t arguments[] = {(uintptr_t)descriptor, (uintptr_t)bytes, count};
    return (ssize_t)count - semihosting(SEMI_WRITE, arguments);
}

off_t lseek(int descriptor, off_t offset, int from)
{
    const uintptr_t length[] = {(uintptr_t)descriptor};
    off_t place = offset + (from == SEEK_END ? semihosting(SEMI_LENGTH, length) : 0);
    const uintptr_t arguments[] = {(uintptr_t)descriptor, (uintptr_t)place};
    return semihosting(SEMI_SEEK, arguments) == 0 ? place : -1;
}

int unlink(const char *name)
{
    const uintptr_t arguments[] = {(uintptr_t)name, strlen(name)};
    return semihosting(SEMI_REMOVE, arguments);
}

int rename(const char *name, const char *new)
{
    const uintptr_t arguments[] = {(uintptr_t)name, strlen(name), (uintptr_t) new, strlen(new)};
    return semihosting(SEMI_RENAME, arguments);
}

void sink_poll(void)
{
#ifdef MEMTRACE_TEST_BENCH
    uint32_t before = board_instructions();
    memtrace_sink_poll();
    bench_drained += board_instructions() - before;
#else
    struct memtrace_statistics numbers;
    if (memtrace_stats(&numbers) && numbers.recorded < polled)
        memtrace_sink_poll();
#endif
}

bool sink_begin(void)
{
    struct memtrace_file_config config = {.name = path};
    argument_text("log=", path, sizeof path);
    argument_text("dump=", dump_path, sizeof dump_path);
    argument_number("polled=", &polled);
    argument_number("most=", &config.max_bytes);
    if (!memtrace_file_open(&file, &config) || !memtrace_sink_start(sink_memory, sizeof sink_memory, &file.output))
        return false;
    board_timer_start(POLL_TICKS, sink_poll);
    return true;
}

static bool piece_write(void *context, const void *bytes, size_t count)
{
    return write(*(const int *)context, bytes, count) == (ssize_t)count;
}

/* In place of the empty one: dumps the frozen ring as soon as nobody stops here any more. */
void memtrace_assert_stop(void)
{
    int descriptor = *dump_path != '\0' ? open(dump_path, O_CREAT) : -1;
    if (descriptor >= 0 && (!memtrace_dump(piece_write, &descriptor) || close(descriptor) != 0))
        board_print("no dump\n");
}
