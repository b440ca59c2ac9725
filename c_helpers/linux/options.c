/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH 64u
#define DEPTH_MOST 255u
#define MIB ((uint64_t)1 << 20)
#define RESERVE (64u * MIB)

struct options options = {.depth = DEPTH, .children = true, .reserve = RESERVE};

/* A number with K, M or G behind it. Moves `text` past it; without a digit it stays. */
static uint64_t number_read(const char **text)
{
    uint64_t value = 0;
    while (**text >= '0' && **text <= '9' && value < UINT64_MAX / 100u)
        value = value * 10u + (uint64_t)(*(*text)++ - '0');
    static const char units[] = "KMG";
    const char *unit = **text == 0 ? NULL : strchr(units, **text & ~0x20);
    if (unit == NULL)
        return value;
    (*text)++;
    unsigned shift = 10u * (unsigned)(unit - units + 1);
    return value > UINT64_MAX >> shift ? UINT64_MAX : value << shift;
}

static uint64_t number_of(const char *variable, uint64_t otherwise)
{
    const char *text = getenv(variable);
    if (text == NULL || *text < '0' || *text > '9')
        return otherwise;
    return number_read(&text);
}

/* "16", "16-64", "1024-", "-64", several with commas between them. What cannot be read ends the list. */
static void sizes_read(const char *text)
{
    while (text != NULL && *text != 0 && options.size_ranges < SIZE_RANGES) {
        const char *begin = text;
        size_t least = (size_t)number_read(&text), most = least;
        if (*text == '-') {
            const char *end = ++text;
            most = (size_t)number_read(&text);
            if (text == end)
                most = SIZE_MAX;
        }
        if (text == begin)
            return;
        options.sizes[options.size_ranges].least = least;
        options.sizes[options.size_ranges++].most = most;
        if (*text++ != ',')
            return;
    }
}

void options_read(void)
{
    const char *log = getenv("MEMTRACE_LOG");
    if (log != NULL && strlen(log) < sizeof options.log)
        strcpy(options.log, log);
    uint64_t depth = number_of("MEMTRACE_DEPTH", DEPTH);
    options.depth = depth < 1 ? 1 : depth > DEPTH_MOST ? DEPTH_MOST : (unsigned)depth;
    sizes_read(getenv("MEMTRACE_STACK_SIZES"));
    options.free_stacks = number_of("MEMTRACE_FREE_STACKS", 0) != 0;
    options.paused = number_of("MEMTRACE_PAUSED", 0) != 0;
    options.children = number_of("MEMTRACE_CHILDREN", 1) != 0;
    options.summary = number_of("MEMTRACE_SUMMARY", 0);
    uint64_t peak = number_of("MEMTRACE_PEAK_MB", 0);
    options.peak = peak > UINT64_MAX / MIB ? 0 : peak * MIB;
    uint64_t number = number_of("MEMTRACE_SIGNAL", 0);
    options.signal = number < NSIG ? (int)number : 0;
    options.max_log = number_of("MEMTRACE_MAX_LOG", 0);
    options.reserve = number_of("MEMTRACE_RESERVE", RESERVE);
}
