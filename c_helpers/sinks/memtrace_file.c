/* SPDX-License-Identifier: Apache-2.0
 *
 * A log in a file. memtrace_file.h tells the approach.
 */
#include "memtrace_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define FILE_MAGIC 0x4d54464cu
#define NAME_DEFAULT "MEMTRACE.LOG"
#define NUMBER_DIGITS 10u
#define NUMBERS_MAX 9999u
#define EVENT_BYTES (4u * (uint32_t)sizeof(void *))

static struct memtrace_file *file_of(struct memtrace_output *output)
{
    return (struct memtrace_file *)(void *)output;
}

/* A path of the pattern's, long enough for the number. */
struct path {
    char text[MEMTRACE_FILE_PATH_BYTES];
};

static size_t number_print(char *to, uint32_t number)
{
    char digits[NUMBER_DIGITS];
    size_t count = 0;
    do {
        digits[count++] = (char)('0' + number % 10u);
        number /= 10u;
    } while (number != 0);
    for (size_t i = 0; i < count; i++)
        to[i] = digits[count - 1u - i];
    return count;
}

static struct path path_of(const struct memtrace_file *file)
{
    struct path path = {{0}};
    size_t length = 0;
    for (const char *from = file->pattern; *from != '\0' && length < sizeof path.text - NUMBER_DIGITS - 1u; from++) {
        if (from[0] == '%' && from[1] == 'n') {
            length += number_print(path.text + length, file->number);
            from++;
        } else {
            path.text[length++] = *from;
        }
    }
    return path;
}

/* The same with another extension. */
static struct path path_old(const struct memtrace_file *file)
{
    struct path path = path_of(file);
    char *slash = strrchr(path.text, '/');
    char *dot = strrchr(slash != NULL ? slash : path.text, '.');
    char *end = dot != NULL ? dot : path.text + strlen(path.text);
    if (end + sizeof ".OLD" <= path.text + sizeof path.text)
        memcpy(end, ".OLD", sizeof ".OLD");
    return path;
}

static bool is_numbered(const struct memtrace_file *file)
{
    return strstr(file->pattern, "%n") != NULL;
}

static bool file_close(struct memtrace_output *output)
{
    struct memtrace_file *file = file_of(output);
    int descriptor = file->descriptor;
    file->descriptor = -1;
    return descriptor < 0 || close(descriptor) == 0;
}

static bool file_open(struct memtrace_file *file, int flags)
{
    if (file->descriptor < 0)
        file->descriptor = open(path_of(file).text, O_WRONLY | O_CREAT | flags, 0666);
    return file->descriptor >= 0;
}

static bool bytes_write(const struct memtrace_file *file, const char *bytes, size_t count)
{
    while (count != 0) {
        ssize_t done = write(file->descriptor, bytes, count);
        if (done <= 0)
            return false;
        bytes += done;
        count -= (size_t)done;
    }
    return true;
}

static bool file_write(struct memtrace_output *output, const void *bytes, size_t count)
{
    struct memtrace_file *file = file_of(output);
    off_t place = (off_t)((uint64_t)file->base + output->taken);
    return file_open(file, 0) && lseek(file->descriptor, place, SEEK_SET) == place && bytes_write(file, bytes, count);
}

/* The first name that is not taken. */
static bool file_number(struct memtrace_file *file)
{
    for (file->number = 1; file->number <= NUMBERS_MAX; file->number++) {
        if (file_open(file, O_EXCL))
            return true;
    }
    return false;
}

static bool file_turn(struct memtrace_output *output)
{
    struct memtrace_file *file = file_of(output);
    struct path old = path_old(file);
    (void)file_close(output);
    (void)unlink(old.text);                     /* there may be none */
    (void)rename(path_of(file).text, old.text); /* as after a reset between the two */
    file->base = 0;
    output->part_bytes = file->max_bytes;
    return true;
}

/* Behind the last whole event that stands there: what was cut is written over. */
static bool file_append(struct memtrace_file *file)
{
    off_t end = file_open(file, 0) ? lseek(file->descriptor, 0, SEEK_END) : -1;
    if (end < 0 || (uint64_t)end > UINT32_MAX / 2u)
        return false;
    file->base = (uint32_t)end / EVENT_BYTES * EVENT_BYTES;
    return true;
}

/* What is left of the limit is this run's; if that is less than half of it, and two files take turns, it begins a file. */
static bool file_begin(struct memtrace_output *output)
{
    struct memtrace_file *file = file_of(output);
    (void)file_close(output);
    file->base = 0;
    output->part_bytes = file->max_bytes;
    if (is_numbered(file))
        return file_number(file);
    if (!file_append(file))
        return false;
    if (file->max_bytes == 0)
        return true;
    if (output->turn != NULL && file->base > file->max_bytes / 2u)
        return file_turn(output);
    output->part_bytes = file->base < file->max_bytes ? file->max_bytes - file->base : 1u;
    return true;
}

/* Folder and name in one. */
static bool pattern_join(char *pattern, const struct memtrace_file_config *config)
{
    const char *name = config->name != NULL ? config->name : NAME_DEFAULT;
    const char *folder = config->folder != NULL ? config->folder : "";
    const char *slash = config->folder != NULL ? "/" : "";
    size_t length = strlen(folder) + strlen(slash) + strlen(name);
    if (length + NUMBER_DIGITS + sizeof ".OLD" > MEMTRACE_FILE_PATH_BYTES)
        return false;
    memset(pattern, 0, MEMTRACE_FILE_PATH_BYTES);
    strcat(strcat(strcat(pattern, folder), slash), name);
    return true;
}

bool memtrace_file_open(struct memtrace_file *file, const struct memtrace_file_config *config)
{
    char pattern[MEMTRACE_FILE_PATH_BYTES];
    uint32_t max_bytes = config->two_in_turn ? config->max_bytes / 2u : config->max_bytes;
    if (!pattern_join(pattern, config))
        return false;
    bool kept = file->magic == FILE_MAGIC && memcmp(file->pattern, pattern, sizeof pattern) == 0 &&
                file->max_bytes == max_bytes;
    uint32_t part_bytes = kept ? file->output.part_bytes : max_bytes;
    if (!kept)
        *file = (struct memtrace_file){.number = 0};
    memcpy(file->pattern, pattern, sizeof pattern);
    file->max_bytes = max_bytes;
    file->descriptor = -1;
    file->output = (struct memtrace_output){.write = file_write,
                                            .close = file_close,
                                            .begin = file_begin,
                                            .turn = config->two_in_turn ? file_turn : NULL,
                                            .part_bytes = part_bytes};
    file->magic = FILE_MAGIC;
    return true;
}
