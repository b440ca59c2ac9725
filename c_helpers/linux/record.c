/* SPDX-License-Identifier: Apache-2.0
 *
 * From a call of a hook to a row of the log.
 *
 * Cost: of an event whose stack has not changed, some 40 ns, half of which is the clock once there are threads.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "hooks.h"
#include "log.h"
#include "options.h"
#include "recorder.h"
#include "stacks.h"
#include "thread.h"
#include "totals.h"
#include "unwind.h"
#include "window.h"

#define CLOCK_EVERY 16u /* events, while there is one thread */
#define ORDER_THREAD_BITS 12u
#define ORDER_MULTIPLIER 0x9e3779b97f4a7c15u

__thread unsigned record_inside;

/* --- time --- */

/* Later than any event of another thread at this address, which had to end before ours could begin. */
static uint64_t time_in_order(const struct thread *thread, uintptr_t address, uint64_t now)
{
    uint64_t *slot = &recorder_control.now.order[(uint64_t)address * ORDER_MULTIPLIER >> 52];
    uint64_t last = __atomic_load_n(slot, __ATOMIC_RELAXED),
             own = (uint64_t)thread->window.stream & ((1u << ORDER_THREAD_BITS) - 1u);
    uint64_t least = last >> ORDER_THREAD_BITS;
    least += (last & ((1u << ORDER_THREAD_BITS) - 1u)) != own;
    now = now > least ? now : least;
    __atomic_store_n(slot, now << ORDER_THREAD_BITS | own, __ATOMIC_RELAXED);
    return now;
}

static inline uint64_t time_of(struct thread *thread, uintptr_t address)
{
    uint64_t now;
    if (__atomic_load_n(&recorder_control.now.threads, __ATOMIC_RELAXED) != 0) {
        now = clock_ticks();
        now = now > thread->window.time ? now : thread->window.time;
        return address == 0 ? now : time_in_order(thread, address, now);
    }
    if (thread->clock_age++ % CLOCK_EVERY == 0)
        thread->now = clock_ticks();
    return thread->now > thread->window.time ? thread->now : thread->window.time;
}

/* --- one event --- */

/* What an allocation and a free come by is compiled for each of them, without an event in memory. */
#define INLINE inline __attribute__((always_inline))

static INLINE uint32_t stack_of(struct thread *thread, const struct event *event)
{
    if (event->from->pc == 0)
        return 0;
    struct stack stack;
    uint32_t number =
        event->whole ? unwind(thread->walker, event->from, &stack) : unwind_caller(thread->walker, event->from, &stack);
    return LIKELY(number != 0) ? number : stacks_number(thread->walker, &stack);
}

static __attribute__((noinline)) bool room_make(struct thread *thread, uint64_t time)
{
    size_t region = thread->window.region_bytes;
    if (!window_make_room(&thread->window, time)) {
        log_count_lost();
        return false;
    }
    if (region != 0 && region != thread->window.region_bytes)
        thread_name(thread);
    return true;
}

/* Writes it; returns its number plus 1, or 0 if there is no room in the log. */
static INLINE uint64_t event_put(struct thread *thread, const struct event *event)
{
    memtrace_word stack = stack_of(thread, event);
    uint64_t time = time_of(thread, event->address);
    if (__builtin_expect(window_needs_room(&thread->window, time), 0) && !room_make(thread, time))
        return 0;
    if (event->kind == MEMTRACE_REALLOC_END && event->begin != 0)
        stack = (memtrace_word)(thread->window.number + 1u - event->begin);
    memtrace_word size = event->size > SIZE_MAX_RECORDED ? SIZE_MAX_RECORDED : event->size;
    size |= (memtrace_word)event->heap << SIZE_BITS;
    return window_put(&thread->window, event->kind, time, event->address, size, stack) + 1u;
}

/* Whoever interrupts this thread from now on finds it busy. */
static inline void busy_begin(struct thread *thread, uintptr_t sp)
{
    thread->busy = sp;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static __attribute__((noinline)) void waiting_put(struct thread *thread)
{
    for (unsigned i = 0; i < thread->waiting_count; i++)
        (void)event_put(thread, &thread->waiting[i].event);
    thread->waiting_count = 0;
}

static inline void busy_end(struct thread *thread)
{
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    while (__builtin_expect(thread->waiting_count != 0, 0))
        waiting_put(thread);
    thread->busy = 0;
}

/* An event of a signal handler that interrupted the recorder. If there are very many, the recorder was left by longjmp: it goes on as if it were back. */
static void event_wait(struct thread *thread, const struct event *event)
{
    unsigned count = thread->waiting_count;
    if (count == WAITING_MOST) {
        log_count_dropped();
        if (event->from->sp > thread->busy)
            thread->busy = 0;
        return;
    }
    thread->waiting[count].from = *event->from;
    thread->waiting[count].event = *event;
    thread->waiting[count].event.from = &thread->waiting[count].from;
    thread->waiting[count].event.whole = false;
    if (event->kind == MEMTRACE_REALLOC_BEGIN) /* its end could not name it */
        thread->waiting[count].event.kind = MEMTRACE_FREE;
    thread->waiting_count = count + 1u;
}

static uint64_t record_of_ended(const struct event *event)
{
    struct thread *thread = thread_ended_take();
    if (thread == NULL) {
        log_count_dropped();
        return 0;
    }
    uint64_t number = event_put(thread, event);
    thread_ended_give();
    return number;
}

static INLINE uint64_t record_in(struct thread *thread, const struct event *event)
{
    busy_begin(thread, event->from->sp);
    uint64_t number = event_put(thread, event);
    busy_end(thread);
    return number;
}

/* Of any thread, in any state. */
static __attribute__((noinline)) uint64_t record_anyhow(struct event event)
{
    struct thread *thread = thread_self;
    if (record_inside != 0)
        return 0;
    if (thread == NULL)
        thread = thread_begin();
    if (thread == NULL)
        return record_of_ended(&event);
    if (thread->busy != 0) {
        event_wait(thread, &event);
        return 0;
    }
    return record_in(thread, &event);
}

static INLINE uint64_t record(struct event event)
{
    struct thread *thread = thread_self;
    if (__builtin_expect(thread == NULL || thread->busy != 0 || record_inside != 0, 0))
        return record_anyhow(event);
    return record_in(thread, &event);
}

/* --- totals --- */

static void total_change(enum heap heap, int64_t bytes)
{
    struct thread *thread = thread_self;
    uint64_t peak;
    if (thread == NULL || !totals_change(thread, heap, bytes, &peak))
        return;
    char name[32];
    (void)snprintf(name, sizeof name, "peak %llu MB", (unsigned long long)(peak / 1000000u));
    record_mark(name);
}

/* --- what hooks call --- */

void record_alloc(const struct caller *from, uintptr_t address, size_t size, enum heap heap)
{
    const struct event event = {from, MEMTRACE_ALLOC, address, size, heap, options_want_stack(size), 0};
    (void)record(event);
    if (__builtin_expect(totals_are_counted, 0))
        total_change(heap, heap == HEAP_HOST ? (int64_t)hooks_usable_size(address) : (int64_t)size);
}

void record_free(const struct caller *from, uintptr_t address, enum heap heap)
{
    const struct event event = {from, MEMTRACE_FREE, address, 0, heap, options.free_stacks, 0};
    (void)record(event);
    if (__builtin_expect(totals_are_counted, 0) && heap == HEAP_HOST)
        total_change(heap, -(int64_t)hooks_usable_size(address));
}

void record_freed_bytes(enum heap heap, size_t bytes)
{
    if (totals_are_counted)
        total_change(heap, -(int64_t)bytes);
}

void record_failed(const struct caller *from, size_t size, enum heap heap)
{
    const struct event event = {from, MEMTRACE_ALLOC_FAILED, 0, size, heap, true, 0};
    (void)record_anyhow(event);
}

uint64_t record_realloc_begin(const struct caller *from, uintptr_t block, size_t size)
{
    const struct event event = {from, MEMTRACE_REALLOC_BEGIN, block, size, HEAP_HOST, options_want_stack(size), 0};
    uint64_t begin = record_anyhow(event);
    if (__builtin_expect(totals_are_counted, 0))
        total_change(HEAP_HOST, -(int64_t)hooks_usable_size(block));
    return begin;
}

void record_realloc_end(const struct caller *from, uint64_t begin, uintptr_t block, uintptr_t moved, size_t size)
{
    const struct caller nobody = {0, from->sp, 0};
    const struct event event = {
        .from = begin == 0 ? from : &nobody,
        .kind = begin == 0 ? MEMTRACE_ALLOC : MEMTRACE_REALLOC_END,
        .address = moved,
        .size = size,
        .begin = begin,
    };
    if (begin != 0 || moved != 0)
        (void)record_anyhow(event);
    if (__builtin_expect(totals_are_counted, 0))
        total_change(HEAP_HOST, (int64_t)hooks_usable_size(moved == 0 ? block : moved));
}

void record_map(const struct caller *from, uintptr_t address, size_t size)
{
    const struct event event = {from, MEMTRACE_MAP, address, size, HEAP_MAPPED, options_want_stack(size), 0};
    (void)record_anyhow(event);
    if (totals_are_counted)
        total_change(HEAP_MAPPED, (int64_t)size);
}

void record_unmap(const struct caller *from, uintptr_t address, size_t size)
{
    const struct event event = {from, MEMTRACE_UNMAP, address, size, HEAP_MAPPED, options.free_stacks, 0};
    (void)record_anyhow(event);
    record_freed_bytes(HEAP_MAPPED, size);
}

void record_mark(const char *name)
{
    uint32_t number =
        MEMTRACE_CONTEXT_FIRST_TASK - 1u + __atomic_add_fetch(&recorder_control.now.names, 1u, __ATOMIC_RELAXED);
    log_name(number, MEMTRACE_NAME_MARK, name, strlen(name));
    const struct caller nobody = {0, (uintptr_t)__builtin_frame_address(0), 0};
    const struct event event = {&nobody, MEMTRACE_MARK, number, 0, HEAP_HOST, false, 0};
    (void)record_anyhow(event);
}

void record_control(unsigned state, unsigned before)
{
    uintptr_t change = state | before << MEMTRACE_CONTROL_BEFORE_SHIFT;
    const struct caller nobody = {0, (uintptr_t)__builtin_frame_address(0), 0};
    const struct event event = {&nobody, MEMTRACE_CONTROL, change, 0, HEAP_HOST, false, 0};
    (void)record_anyhow(event);
}
