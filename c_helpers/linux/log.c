/* SPDX-License-Identifier: Apache-2.0 */
#include "log.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>

#include "clock.h"
#include "machine.h"
#include "memtrace_log.h"
#include "options.h"
#include "recorder.h"
#include "sys.h"

#define NAMES_MOST 1000u /* logs of one name that are kept */
#define COMMAND_BYTES 4096u
#define EVENT sizeof(memtrace_event)
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#define FILE_NUMBER 500 /* descriptors that a program counts on are lower */

__attribute__((visibility("default"))) char memtrace_log_path[PATH_MAX];

struct log_head log_head;

/* The rest is this process's alone: a child of fork opens a log of its own. */
static struct {
    int file;
    dev_t device; /* the file's own names: a program may close descriptors that it does not know */
    ino_t inode;
    uint64_t end; /* of the regions that were given */
    bool full;
    char *definitions; /* where the next one goes */
    size_t definitions_left, definitions_bytes;
    char *
        definitions_region; /* to be given back when it is full; NULL: the first, which holds what is updated in place */
} output = {.file = -1};

void *own_pages(size_t bytes)
{
    int error = errno;
    void *pages = sys_pages(bytes);
    errno = error;
    if (pages != NULL && log_head.own_bytes != NULL)
        (void)__atomic_fetch_add(log_head.own_bytes, bytes, __ATOMIC_RELAXED);
    return pages;
}

void own_pages_free(void *at, size_t bytes)
{
    sys_unmap(at, bytes);
    if (at != NULL && log_head.own_bytes != NULL)
        (void)__atomic_fetch_sub(log_head.own_bytes, bytes, __ATOMIC_RELAXED);
}

void own_pages_empty(void *at, size_t bytes)
{
    int error = errno;
    if (madvise(at, bytes, MADV_DONTNEED) == 0 && log_head.own_bytes != NULL)
        (void)__atomic_fetch_sub(log_head.own_bytes, bytes, __ATOMIC_RELAXED);
    errno = error;
}

void log_count_lost(void)
{
    if (log_head.counts != NULL)
        (void)__atomic_fetch_add(&log_head.counts->lost_stopped, 1u, __ATOMIC_RELAXED);
}

void log_count_dropped(void)
{
    if (log_head.counts != NULL)
        (void)__atomic_fetch_add(&log_head.counts->dropped, 1u, __ATOMIC_RELAXED);
}

/* --- the path --- */

/* The last part of the program's path, without what a terminal or a shell would trip over. */
static const char *program_name(void)
{
    static char path[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1u);
    path[length < 0 ? 0 : length] = 0;
    char *name = strrchr(path, '/');
    name = name == NULL ? path : name + 1;
    for (char *at = name; *at != 0; at++) {
        if (*at <= ' ' || *at > '~')
            *at = '_';
    }
    return *name == 0 ? "program" : name;
}

static const char *pattern(void)
{
    if (options.log[0] != 0)
        return options.log;
#ifdef __ANDROID__
    return "/data/local/tmp/memtrace.%n.%p.log";
#else
    return "memtrace.%n.%p.log";
#endif
}

/* Fills memtrace_log_path from the pattern. False: it does not fit. */
static bool path_expand(void)
{
    char *to = memtrace_log_path, *end = to + PATH_MAX - sizeof ".1000.log"; /* room for a number */
    const char *from = pattern();
    if (*from != '/' && getcwd(to, PATH_MAX / 2u) != NULL) {
        to += strlen(to);
        *to++ = '/';
    }
    for (; *from != 0 && to < end; from++) {
        int length = 1;
        if (from[0] == '%' && from[1] == 'p')
            length = snprintf(to, (size_t)(end - to), "%d", (int)getpid());
        else if (from[0] == '%' && from[1] == 'n')
            length = snprintf(to, (size_t)(end - to), "%s", program_name());
        else
            *to = *from;
        from += *from == '%' && (from[1] == 'p' || from[1] == 'n');
        to += length;
    }
    if (to >= end)
        return false;
    *to = 0;
    return true;
}

static void folders_make(void)
{
    for (char *at = memtrace_log_path + 1; *at != 0; at++) {
        if (*at == '/') {
            *at = 0;
            (void)mkdir(memtrace_log_path, 0777);
            *at = '/';
        }
    }
}

/* Out of the way of the program's descriptors. */
static int file_move(int file)
{
    int moved = (int)syscall(SYS_fcntl, file, F_DUPFD_CLOEXEC, FILE_NUMBER);
    if (moved < 0)
        return file;
    sys_close(file);
    return moved;
}

/* Opens a file that was not there: NAME.log, NAME.2.log, ... */
static bool file_make(void)
{
    size_t length = strlen(memtrace_log_path);
    size_t stem = length > 4u && strcmp(memtrace_log_path + length - 4u, ".log") == 0 ? length - 4u : length;
    const char *extension = stem < length ? ".log" : "";
    for (unsigned number = 1; number <= NAMES_MOST; number++) {
        if (number > 1)
            (void)snprintf(memtrace_log_path + stem, PATH_MAX - stem, ".%u%s", number, extension);
        int file = open(memtrace_log_path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
        if (file >= 0) {
            struct stat made;
            output.file = file_move(file);
            if (fstat(output.file, &made) != 0)
                return false;
            output.device = made.st_dev;
            output.inode = made.st_ino;
            return true;
        }
        if (errno != EEXIST)
            return false;
    }
    return false;
}

static bool file_is_ours(int file)
{
    struct stat found;
    return fstat(file, &found) == 0 && found.st_dev == output.device && found.st_ino == output.inode;
}

/* Still, or again. */
static bool file_is_open(void)
{
    if (file_is_ours(output.file))
        return true;
    int file = open(memtrace_log_path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (file < 0)
        return false;
    output.file = file_move(file);
    if (file_is_ours(output.file))
        return true;
    sys_close(output.file);
    return false;
}

/* --- regions --- */

static bool within_limits(size_t bytes)
{
    if (options.max_log != 0 && output.end + bytes > options.max_log)
        return false;
    struct statvfs disk;
    return fstatvfs(output.file, &disk) != 0 || (uint64_t)disk.f_bavail * disk.f_frsize >= options.reserve + bytes;
}

/* Disk space for the bytes at the file's end, as zeros. */
static bool space_take(size_t bytes)
{
    static const char zeros[REGION_LEAST];
    if (fallocate(output.file, 0, (off_t)output.end, (off_t)bytes) == 0)
        return true;
    if (errno == ENOSPC || errno == EFBIG || errno == EDQUOT)
        return false;
    for (size_t done = 0; done < bytes; done += sizeof zeros) { /* bytes is a multiple */
        if (pwrite(output.file, zeros, sizeof zeros, (off_t)(output.end + done)) != (ssize_t)sizeof zeros)
            return false;
    }
    return true;
}

static char *file_extend(size_t bytes)
{
    char *at = NULL;
    if (!output.full && file_is_open() && within_limits(bytes) && space_take(bytes))
        at = sys_map(bytes, PROT_READ | PROT_WRITE, MAP_SHARED, output.file, output.end);
    if (at == NULL) {
        output.full = true;
        return NULL;
    }
    output.end += bytes;
    (void)madvise(at, bytes, MADV_POPULATE_WRITE); /* cheaper than a fault a page; older kernels do not know it */
    return at;
}

/* The record's own row; then its payload may be filled in. */
static memtrace_word *record_begin(char *at, size_t payload, unsigned heap)
{
    memtrace_word *words = (memtrace_word *)(void *)at;
    words[1] = (memtrace_word)payload | (memtrace_word)heap << SIZE_BITS;
    __atomic_store_n(&words[3], (memtrace_word)MEMTRACE_SKIP, __ATOMIC_RELEASE);
    return words;
}

static void record_end(memtrace_word *words, enum memtrace_kind kind, memtrace_word number)
{
    words[0] = number;
    __atomic_store_n(&words[3], (memtrace_word)kind, __ATOMIC_RELEASE);
}

static char *region_open(char *at, size_t bytes, memtrace_word stream, uint64_t least_time)
{
    struct memtrace_stream payload = {bytes - MEMTRACE_LOG_STREAM_BYTES, least_time};
    memtrace_word *words = record_begin(at, sizeof payload, 0);
    memcpy(at + EVENT, &payload, sizeof payload);
    record_end(words, MEMTRACE_STREAM, stream);
    return at + MEMTRACE_LOG_STREAM_BYTES;
}

void log_region_done(char *at, size_t bytes)
{
    sys_unmap(at, bytes);
}

char *log_region(memtrace_word stream, uint64_t least_time, size_t bytes)
{
    if (__atomic_load_n(&output.full, __ATOMIC_RELAXED))
        return NULL;
    int error = errno;
    lock_take(&recorder_control.now.log_lock);
    char *at = file_extend(bytes);
    lock_give(&recorder_control.now.log_lock);
    errno = error;
    if (at == NULL)
        return NULL;
    log_head.header->tick_hz = clock_hz();
    return region_open(at, bytes, stream, least_time);
}

/* --- definitions --- */

/* Room for one, in a new region if need be; under the lock. */
static char *definition_room(size_t bytes)
{
    if (output.definitions_left < bytes) {
        size_t size = output.definitions_bytes < REGION_MOST ? 2u * output.definitions_bytes : REGION_MOST;
        char *region = file_extend(size);
        if (region == NULL)
            return NULL;
        if (output.definitions_region != NULL)
            log_region_done(output.definitions_region, output.definitions_bytes);
        output.definitions_region = region;
        output.definitions_bytes = size;
        output.definitions_left = size - MEMTRACE_LOG_STREAM_BYTES;
        output.definitions = region_open(region, size, 0, 0);
    }
    char *at = output.definitions;
    output.definitions += bytes;
    output.definitions_left -= bytes;
    return at;
}

static char *define(enum memtrace_kind kind, memtrace_word number, unsigned heap, const struct part *parts,
                    unsigned count)
{
    size_t payload = 0;
    for (unsigned i = 0; i < count; i++)
        payload += parts[i].count;
    char *at = definition_room(MEMTRACE_LOG_PAYLOAD_BYTES(payload));
    if (at == NULL)
        return NULL;
    memtrace_word *words = record_begin(at, payload, heap);
    char *to = at + EVENT;
    for (unsigned i = 0; i < count; i++) {
        memcpy(to, parts[i].bytes, parts[i].count);
        to += parts[i].count;
    }
    record_end(words, kind, number);
    return at + EVENT;
}

void log_define(enum memtrace_kind kind, memtrace_word number, unsigned heap, const struct part *parts, unsigned count)
{
    int error = errno;
    lock_take(&recorder_control.now.log_lock);
    (void)define(kind, number, heap, parts, count);
    lock_give(&recorder_control.now.log_lock);
    errno = error;
}

void log_name(memtrace_word number, enum memtrace_name_kind kind, const char *text, size_t length)
{
    log_define(MEMTRACE_DEF_NAME, number, kind, &(struct part){text, length}, 1);
}

/* --- the beginning --- */

static void heaps_define(void)
{
    static const struct {
        const char *name;
        enum memtrace_memory memory;
    } heaps[HEAPS] = {
        {"host", MEMTRACE_MEMORY_HOST}, {"mmap", MEMTRACE_MEMORY_MAPPED}, {"dma", MEMTRACE_MEMORY_DEVICE}};
    for (unsigned i = 0; i < HEAPS; i++) {
        struct memtrace_heap_name memory = {heaps[i].memory, 0};
        const struct part parts[] = {{&memory, sizeof memory}, {heaps[i].name, strlen(heaps[i].name)}};
        (void)define(MEMTRACE_DEF_NAME, i, MEMTRACE_NAME_HEAP, parts, 2);
    }
}

static void process_define(enum process_how how)
{
    static char command[COMMAND_BYTES];
    int file = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    ssize_t length = file < 0 ? 0 : read(file, command, sizeof command);
    if (file >= 0)
        sys_close(file);
    length = length < 0 ? 0 : length;
    while (length > 0 && command[length - 1] == 0)
        length--;
    struct memtrace_process process = {(uint32_t)getppid(), how, sizeof recorder_control};
    const struct part parts[] = {{&process, sizeof process}, {command, (size_t)length}};
    char *at = define(MEMTRACE_PROCESS, 0, 0, parts, 2);
    log_head.own_bytes = at == NULL ? NULL : (uint64_t *)(void *)(at + offsetof(struct memtrace_process, own_bytes));
}

static void head_write(char *at, enum process_how how)
{
    struct memtrace_header header = {
        .arch = MACHINE_ARCH,
        .abi = MEMTRACE_ABI_FRAME_POINTER,
        .required =
            MEMTRACE_REQUIRED_PACKS | MEMTRACE_REQUIRED_STREAMS | MEMTRACE_REQUIRED_RANGES | MEMTRACE_REQUIRED_UNSORTED,
        .tick_hz = clock_hz(),
        .started = (uint64_t)time(NULL),
        .process = (uint32_t)getpid(),
    };
    struct memtrace_log none;
    (void)memtrace_log_header(&none, &header);
    memcpy(at, &header, sizeof header);
    log_head.header = (struct memtrace_header *)(void *)at;
    output.definitions = region_open(at + sizeof header, REGION_LEAST - sizeof header, 0, 0);
    output.definitions_left = REGION_LEAST - sizeof header - MEMTRACE_LOG_STREAM_BYTES;
    output.definitions_bytes = REGION_LEAST;
    output.definitions_region = NULL;
    process_define(how);
    const struct memtrace_counts counts = {0};
    log_head.counts =
        (struct memtrace_counts *)(void *)define(MEMTRACE_COUNTS, 0, 0, &(struct part){&counts, sizeof counts}, 1);
    heaps_define();
}

/* No stdio: its buffers are the program's. */
static void complain(const char *why)
{
    char line[PATH_MAX + 200];
    int length =
        snprintf(line, sizeof line,
                 "memtrace: nothing is recorded: %s: %s. Set MEMTRACE_LOG to a file in a folder that can be written.\n",
                 memtrace_log_path, why);
    if (length > 0)
        (void)!write(STDERR_FILENO, line, (size_t)length < sizeof line ? (size_t)length : sizeof line - 1u);
    memtrace_log_path[0] = 0;
}

bool log_open(enum process_how how)
{
    log_head = (struct log_head){0};
    if (output.file >= 0 && file_is_ours(output.file))
        sys_close(output.file); /* the parent's */
    output.end = 0;
    output.full = false;
    if (!path_expand()) {
        complain("the path is too long");
        return false;
    }
    folders_make();
    if (!file_make()) {
        complain(strerror(errno));
        return false;
    }
    char *at = file_extend(REGION_LEAST);
    if (at == NULL) {
        complain("the disk is full, or the log's limit too small");
        return false;
    }
    head_write(at, how);
    return true;
}
