/* SPDX-License-Identifier: Apache-2.0 */
#include "thread.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "log.h"
#include "sys.h"

#define NAME_BYTES 16u /* of a thread, as the kernel keeps it */
#define ROUNDS_MOST 3u /* of destructors; POSIX promises four */

enum phase { PHASE_NEW = 0, PHASE_BEGINNING, PHASE_ENDED, PHASE_ENDED_BUSY };

__thread struct thread *thread_self;
static __thread enum phase phase;

static struct thread *all, *unused; /* under threads_lock */
static struct thread *ended;        /* shared by threads that have ended; under ended_lock */
static pthread_key_t key;
static bool key_is_there;

static struct thread *object_take(void)
{
    lock_take(&recorder_control.now.threads_lock);
    struct thread *thread = unused;
    if (thread != NULL)
        unused = thread->next_free;
    lock_give(&recorder_control.now.threads_lock);
    if (thread != NULL)
        return thread;
    thread = own_pages(sizeof *thread);
    if (thread == NULL)
        return NULL;
    thread->walker = walker_new();
    if (thread->walker == NULL) {
        own_pages_free(thread, sizeof *thread);
        return NULL;
    }
    lock_take(&recorder_control.now.threads_lock);
    thread->next = all;
    all = thread;
    lock_give(&recorder_control.now.threads_lock);
    return thread;
}

static void object_give(struct thread *thread)
{
    lock_take(&recorder_control.now.threads_lock);
    thread->id = 0;
    thread->next_free = unused;
    unused = thread;
    lock_give(&recorder_control.now.threads_lock);
}

/* The name that the kernel has, with a number that tells threads of one name apart. */
static void name_put(const struct thread *thread, const char *name)
{
    char text[NAME_BYTES + 16u];
    memtrace_word first = MEMTRACE_CONTEXT_FIRST_TASK;
    int length = thread->window.context == first
                     ? snprintf(text, sizeof text, "%s", name)
                     : snprintf(text, sizeof text, "%s-%u", name, (unsigned)(thread->window.context - first));
    log_name(thread->window.context, MEMTRACE_NAME_CONTEXT, text, (size_t)length);
}

void thread_name(const struct thread *thread)
{
    char name[NAME_BYTES] = "";
    if (thread->id != (pid_t)syscall(SYS_gettid))
        return;
    (void)prctl(PR_GET_NAME, name);
    name_put(thread, name);
}

void threads_name(void)
{
    for (struct thread *thread = all; thread != NULL; thread = thread->next) {
        char path[64], name[NAME_BYTES] = "";
        (void)snprintf(path, sizeof path, "/proc/self/task/%d/comm", (int)thread->id);
        int file = thread->id == 0 ? -1 : open(path, O_RDONLY | O_CLOEXEC);
        ssize_t length = file < 0 ? 0 : read(file, name, sizeof name - 1u);
        if (file >= 0)
            sys_close(file);
        name[length > 0 ? length - 1 : 0] = 0; /* the line's end */
        if (length > 0)
            name_put(thread, name);
    }
}

uint64_t threads_events(void)
{
    uint64_t events = 0;
    for (struct thread *thread = all; thread != NULL; thread = thread->next)
        events += thread->window.number;
    return events;
}

/* A number of its own in the log. */
static void thread_enter(struct thread *thread)
{
    if (thread->window.stream == 0)
        thread->window.stream = __atomic_add_fetch(&recorder_control.now.streams, 1u, __ATOMIC_RELAXED);
    if (thread->window.stream > 1)
        record_threads();
    thread->window.context =
        MEMTRACE_CONTEXT_FIRST_TASK - 1u + __atomic_add_fetch(&recorder_control.now.names, 1u, __ATOMIC_RELAXED);
    walker_forget(thread->walker);
    thread->rounds = 0;
    thread->clock_age = 0;
    thread->waiting_count = 0;
    thread->id = (pid_t)syscall(SYS_gettid);
    thread_name(thread);
}

struct thread *thread_begin(void)
{
    if (phase != PHASE_NEW)
        return NULL;
    phase = PHASE_BEGINNING;
    struct thread *thread = object_take();
    if (thread != NULL) {
        thread->busy = 1;
        thread_self = thread;
        thread_enter(thread);
        if (key_is_there)
            (void)pthread_setspecific(key, thread);
        thread->busy = 0;
    }
    phase = PHASE_NEW;
    return thread;
}

/* Other destructors may free yet: this one asks to be called again until it is the last time. */
static void thread_end(void *object)
{
    struct thread *thread = object;
    if (thread->rounds++ < ROUNDS_MOST - 1u && pthread_setspecific(key, thread) == 0)
        return;
    thread->busy = 1;
    thread_name(thread);
    phase = PHASE_ENDED;
    thread_self = NULL;
    thread->busy = 0;
    object_give(thread);
}

struct thread *thread_ended_take(void)
{
    if (phase != PHASE_ENDED)
        return NULL;
    phase = PHASE_ENDED_BUSY;
    lock_take(&recorder_control.now.ended_lock);
    if (ended == NULL) {
        ended = object_take();
        if (ended != NULL) {
            thread_enter(ended);
            ended->id = 0;
            log_name(ended->window.context, MEMTRACE_NAME_CONTEXT, "ended threads", 13);
        }
    }
    if (ended == NULL)
        thread_ended_give();
    return ended;
}

void thread_ended_give(void)
{
    lock_give(&recorder_control.now.ended_lock);
    phase = PHASE_ENDED;
}

void threads_start(void)
{
    if (!key_is_there)
        key_is_there = pthread_key_create(&key, thread_end) == 0;
}

static void thread_forget(struct thread *thread)
{
    if (thread->window.region_bytes != 0)
        log_region_done(thread->window.region_end - thread->window.region_bytes, thread->window.region_bytes);
    thread->window = (struct window){0};
    thread->waiting_count = 0;
    thread->busy = 0;
    thread->now = 0;
}

void threads_forget(void)
{
    unused = NULL;
    ended = NULL;
    for (struct thread *thread = all; thread != NULL; thread = thread->next) {
        thread_forget(thread);
        if (thread != thread_self) {
            thread->id = 0;
            thread->next_free = unused;
            unused = thread;
        }
    }
    if (thread_self != NULL)
        thread_enter(thread_self);
}
