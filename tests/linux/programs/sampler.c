/* SPDX-License-Identifier: Apache-2.0
 *
 * Preloaded before the recorder: at every SAMPLER_EVERY-th malloc, glibc's own backtrace() of the caller goes to SAMPLER_FILE, as a line of
 * hexadecimal return addresses, and a mark behind the event into the log.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <execinfo.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEEPEST 4096

extern void memtrace_checkpoint(const char *name) __attribute__((weak));
extern void memtrace_recording_stop(void) __attribute__((weak));

static void *(*next_malloc)(size_t);
static unsigned long calls, every, samples, most;
static int file = -1;
static __thread bool inside;
static char text[DEEPEST * 17 + 2];
static void *pcs[DEEPEST];

/* backtrace() loads libgcc at its first call. */
__attribute__((constructor)) static void start(void)
{
    inside = true;
    backtrace(pcs, DEEPEST);
    every = strtoul(getenv("SAMPLER_EVERY"), NULL, 10);
    most = strtoul(getenv("SAMPLER_MOST"), NULL, 10);
    char path[4096];
    snprintf(path, sizeof path, "%s.%d", getenv("SAMPLER_FILE"), (int)getpid());
    file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    inside = false;
}

static void sample(void)
{
    static int busy;
    if (__atomic_exchange_n(&busy, 1, __ATOMIC_ACQUIRE) != 0)
        return; /* another thread's */
    char name[20];
    snprintf(name, sizeof name, "sample %lu", samples++);
    memtrace_checkpoint(name);
    int count = backtrace(pcs, DEEPEST), length = 0;
    for (int i = 1; i < count; i++) /* without this library's frames */
        length += snprintf(text + length, sizeof text - (size_t)length, "%lx ", (unsigned long)pcs[i]);
    text[length++] = '\n';
    if (write(file, text, (size_t)length) != length)
        abort();
    if (samples == most)
        memtrace_recording_stop(); /* the rest would only have to be read */
    __atomic_store_n(&busy, 0, __ATOMIC_RELEASE);
}

__attribute__((noinline)) void *malloc(size_t size)
{
    if (next_malloc == NULL)
        next_malloc = (void *(*)(size_t))dlsym(RTLD_NEXT, "malloc");
    void *block = next_malloc(size);
    if (every != 0 && block != NULL && size != 0 && !inside && ++calls % every == 0 && samples < most) {
        inside = true;
        sample();
        inside = false;
    }
    return block;
}
