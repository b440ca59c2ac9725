/* SPDX-License-Identifier: Apache-2.0
 *
 * The recorder's beginning in a process, in a child of fork, and its end; what is asked of it while it runs.
 *
 * Approach: the state stands in pages that the kernel empties in a child, so that a child of any kind of fork finds out at its next event. Who
 * asks from outside writes into the log's header; a hook looks at both words and at nothing else.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#include "clock.h"
#include "hooks.h"
#include "log.h"
#include "modules.h"
#include "options.h"
#include "recorder.h"
#include "stacks.h"
#include "sys.h"
#include "thread.h"
#include "totals.h"

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

/* Beside those that a host may write: a signal has come. */
#define REQUEST_SIGNAL 0x181u

_Alignas(CONTROL_BYTES) union control_pages recorder_control;

static uint32_t no_request;
uint32_t *recorder_request = &no_request;
static bool was_started; /* in this process or one that it is forked from */

extern char **environ;

static void state_set(enum run_state state)
{
    __atomic_store_n(&recorder_control.now.state, (uint32_t)state, __ATOMIC_RELEASE);
}

/* --- what is asked --- */

static void change(bool on)
{
    enum run_state wanted = on ? RUN_ON : RUN_OFF;
    if (recorder_control.now.state == (uint32_t)wanted)
        return;
    unsigned state = on ? MEMTRACE_RECORDING : MEMTRACE_STOPPED;
    record_control(state, on ? MEMTRACE_STOPPED : MEMTRACE_RECORDING);
    log_head.header->state = state;
    state_set(wanted);
}

static void signal_mark(void)
{
    char name[48];
    uint64_t ms = (clock_ns() - recorder_clock.base_ns) / 1000000u;
    (void)snprintf(name, sizeof name, "signal at %llu.%03u s", (unsigned long long)(ms / 1000u),
                   (unsigned)(ms % 1000u));
    record_mark(name);
}

static void asked_mark(void)
{
    char name[MEMTRACE_NAME_BYTES + 1u] = "";
    memcpy(name, log_head.header->request_name, MEMTRACE_NAME_BYTES);
    record_mark(name);
}

static void obey(void)
{
    uint32_t request = __atomic_exchange_n(recorder_request, 0u, __ATOMIC_ACQ_REL);
    if (request == 0 || log_head.header == NULL)
        return;
    if (request == MEMTRACE_REQUEST_START || request == MEMTRACE_REQUEST_STOP)
        change(request == MEMTRACE_REQUEST_START);
    else if (request == MEMTRACE_REQUEST_MARK)
        asked_mark();
    else if (request == REQUEST_SIGNAL)
        signal_mark();
    if (request != REQUEST_SIGNAL)
        (void)__atomic_add_fetch(&log_head.header->request_done, 1u, __ATOMIC_RELEASE);
}

/* Only says that it came; the next event makes the mark. */
static void on_signal(int number)
{
    (void)number;
    uint32_t nothing = 0;
    if (recorder_request != &no_request)
        (void)__atomic_compare_exchange_n(recorder_request, &nothing, REQUEST_SIGNAL, false, __ATOMIC_RELAXED,
                                          __ATOMIC_RELAXED);
}

HOOK void memtrace_checkpoint(const char *name)
{
    if (!recorder_is_off() && name != NULL)
        record_mark(name);
}

HOOK void memtrace_recording_start(void)
{
    (void)recorder_is_off();
    if (log_head.header != NULL)
        change(true);
}

HOOK void memtrace_recording_stop(void)
{
    if (!recorder_is_off())
        change(false);
}

/* --- the beginning --- */

/* Takes this library out of what programs that are started will have preloaded. */
static void children_spare(void)
{
    for (char **entry = environ; *entry != NULL; entry++) {
        if (strncmp(*entry, "LD_PRELOAD=", 11) != 0)
            continue;
        char *from = *entry + 11, *to = from;
        while (*from != 0) {
            size_t length = strcspn(from, ": ");
            bool ours = memmem(from, length, "libmemtrace", 11) != NULL;
            length += from[length] != 0;
            if (!ours)
                memmove(to, from, length);
            to += ours ? 0 : length;
            from += length;
        }
        *to = 0;
    }
}

static void once(void)
{
    was_started = true;
    options_read();
    totals_are_counted = options.peak != 0 || options.summary != 0;
    if (!options.children)
        children_spare();
    hooks_resolve();
    threads_start();
    if (options.signal != 0) {
        struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
        (void)sigaction(options.signal, &action, NULL);
    }
}

/* True: a log is open. */
static bool begin(enum process_how how)
{
    (void)madvise(&recorder_control, sizeof recorder_control, MADV_WIPEONFORK);
    recorder_request = &no_request;
    clock_start();
    if (how == PROCESS_FORKED)
        stacks_forget();
    if (!log_open(how))
        return false;
    modules_start();
    recorder_request = &log_head.header->request;
    if (how == PROCESS_FORKED)
        threads_forget();
    return true;
}

static void bring_up(void)
{
    bool is_child = was_started;
    if (!is_child) {
        if (getauxval(AT_SECURE) != 0) {
            was_started = true;
            state_set(RUN_OFF);
            return;
        }
        once();
    }
    if ((is_child && !options.children) || !begin(is_child ? PROCESS_FORKED : PROCESS_STARTED)) {
        memtrace_log_path[0] = 0;
        state_set(RUN_OFF);
        return;
    }
    if (is_child && !options.paused)
        record_control(MEMTRACE_RECORDING, MEMTRACE_STOPPED); /* what lives is older than this log */
    log_head.header->state = options.paused ? MEMTRACE_STOPPED : MEMTRACE_RECORDING;
    state_set(options.paused ? RUN_OFF : RUN_ON);
}

bool recorder_wake(void)
{
    if (environ == NULL)
        return true; /* so early that nobody knows what is wanted */
    int error = errno;
    if (recorder_control.now.state != RUN_NOT_STARTED)
        obey();
    else if (__atomic_exchange_n(&recorder_control.now.starting, 1u, __ATOMIC_ACQUIRE) == 0)
        bring_up();
    errno = error;
    return __atomic_load_n(&recorder_control.now.state, __ATOMIC_ACQUIRE) != RUN_ON;
}

/* --- fork and exit --- */

/* Where the kernel does not know how to empty pages in a child. */
static void on_fork(void)
{
    memset(&recorder_control, 0, sizeof recorder_control);
}

__attribute__((constructor)) static void start(void)
{
    record_inside++; /* musl allocates for it */
    (void)pthread_atfork(NULL, NULL, on_fork);
    record_inside--;
    (void)recorder_is_off();
}

static void summary_print(void)
{
    char line[PATH_MAX + 300];
    int length = snprintf(line, sizeof line, "memtrace: ");
    length += totals_describe(line + length, sizeof line - (size_t)length);
    length += snprintf(line + length, sizeof line - (size_t)length, "; %llu events in %s\n",
                       (unsigned long long)threads_events(), memtrace_log_path);
    (void)!write(STDERR_FILENO, line, (size_t)length < sizeof line ? (size_t)length : sizeof line - 1u);
}

__attribute__((destructor)) static void finish(void)
{
    if (recorder_is_off() && recorder_request == &no_request)
        return;
    threads_name();
    log_head.header->tick_hz = clock_hz();
    if (options.summary == 1 || options.summary == (uint64_t)getpid())
        summary_print();
}
