/* SPDX-License-Identifier: Apache-2.0
 *
 * memtrace on the target: what firmware calls. The bytes it writes are in memtrace_format.h; docs/how-to/link-the-recorder.md says how.
 *
 * Put one call behind each entry of the allocator (a wrapper by -Wl,--wrap=malloc, or the allocator's own source) and give it
 * MEMTRACE_CALLER() of that entry, so that the first frame of every stack is the allocator's user. c_helpers/wrap has wrappers
 * that are ready, for C and C++; they look like this:
 *
 *     void *__wrap_malloc(size_t size)
 *     {
 *         void *block = __real_malloc(size);
 *         memtrace_alloc(MEMTRACE_CALLER(), block, size, 0);
 *         return block;
 *     }
 *
 *     void __wrap_free(void *block)
 *     {
 *         memtrace_free(MEMTRACE_CALLER(), block, 0);
 *         __real_free(block);
 *     }
 *
 * An allocation is recorded after it succeeded, a free before the allocator sees it: so the free that an allocator
 * asserts in is in the ring, and no other core can be recorded as the address's new owner before its old one let go. Hooks of
 * allocators that come after the free (ESP-IDF's) are too late for that; docs/how-to/porting.md lists them.
 *
 * Every function but memtrace_init and memtrace_init_retained may be called from tasks, interrupts and both cores, with interrupts off, and before
 * memtrace_init (then it does nothing). None allocates, blocks or recurses. A text may be NULL, and is an empty one then.
 */
#ifndef MEMTRACE_H
#define MEMTRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memtrace_format.h"

/* Compile-time features; each costs the bytes and instructions that docs/explanation/performance.md lists. */
#ifndef MEMTRACE_FILTERS
#define MEMTRACE_FILTERS 1 /* minimum size, heaps, contexts */
#endif
#ifndef MEMTRACE_LIVE
#define MEMTRACE_LIVE 1 /* the live table: owners outlive the ring */
#endif
#ifndef MEMTRACE_TAGS
#define MEMTRACE_TAGS 0 /* memtrace_tag: events say which module's they are; the same in every file */
#endif
#ifndef MEMTRACE_MODULES
#define MEMTRACE_MODULES 0 /* c_helpers/usage counts what lives by tag; with MEMTRACE_TAGS, in the recorder's files */
#endif
#ifndef MEMTRACE_DOUBLE_FREE
#define MEMTRACE_DOUBLE_FREE 0 /* a second free is told at once (c_helpers/console); in the recorder's files */
#endif
#ifndef MEMTRACE_QUICK /* a second, quick way for events whose stack was seen lately; the same in every file */
#ifdef __OPTIMIZE_SIZE__
#define MEMTRACE_QUICK 0
#else
#define MEMTRACE_QUICK 1
#endif
#endif
#ifndef MEMTRACE_DEPTH
#define MEMTRACE_DEPTH 16 /* frames a stack, 1..32 */
#endif

#include "../arch/arch.h" /* struct memtrace_caller, MEMTRACE_CALLER() */

#ifdef __cplusplus
extern "C" {
#endif

/* How one block of static memory is divided. What the tables leave is events, 16 bytes each (32 on 64-bit machines). */
struct memtrace_config {
    size_t stack_bytes; /* call stacks and their index; 0: a quarter of the memory */
    unsigned names;     /* entries for tasks and marks, 32 bytes each, three of them fixed; at most 250; 0: 32 */
    unsigned live;      /* entries of the live table, one event's size each; 0: none */
};

/* A reallocation under way: what memtrace_realloc_begin gives to memtrace_realloc_end. */
struct memtrace_realloc {
    struct memtrace_caller caller;
    uintptr_t owner;      /* stack, context and tag of the BEGIN event */
    uint32_t reservation; /* of the BEGIN event; all ones: it was not recorded */
};

/* The recorder in numbers, as they are now. Those that end in `room` are what there is room for; the counts of what was lost, kept out,
 * or kept without a part are the header's. */
struct memtrace_statistics {
    enum memtrace_state state;
    uint32_t run;      /* header.run */
    uint64_t recorded; /* events that got a number, lost ones too */
    uint32_t events, events_room;
    uint32_t stack_words, stack_words_room;
    uint32_t names, names_room;      /* with the three fixed contexts */
    uint32_t live_blocks, live_room; /* 0, 0: there is no live table */
    size_t live_bytes;               /* as asked for, of the blocks in the table */
    uint32_t lost_busy, lost_stopped, filtered, stacks_full, names_full, live_full, size_capped;
};

/* Where a host finds the ring: the header at the start of the memory given to memtrace_init, NULL before. */
extern struct memtrace_header *memtrace_ring;

/* For a number or pointer through which the data is read: the address depends on it, so the core keeps the order by itself.
 * The thread sanitizer does not know that. */
#ifdef __SANITIZE_THREAD__
#define MEMTRACE_ORDER_BY_ADDRESS __ATOMIC_ACQUIRE
#else
#define MEMTRACE_ORDER_BY_ADDRESS __ATOMIC_RELAXED
#endif

/* Is nothing recorded now, by memtrace_stop or because memtrace_init was not called? A wrapper asks it first, and then calls the
 * allocator alone. */
static inline bool memtrace_is_off(void)
{
    const struct memtrace_header *ring = __atomic_load_n(&memtrace_ring, MEMTRACE_ORDER_BY_ADDRESS);
    return ring == NULL || __atomic_load_n(&ring->request, __ATOMIC_RELAXED) == MEMTRACE_REQUEST_OFF;
}

/* Divides `memory` and starts recording. NULL as `config` means all defaults. Nobody may record meanwhile: call it once, before
 * tasks and interrupts allocate, or again while they do not. Called again it begins anew, and what the ring before had is told by
 * nobody any more. false: the memory is too small, misaligned, or the configuration does not fit it; nothing was written then, and
 * a ring that was there goes on. */
bool memtrace_init(void *memory, size_t bytes, const struct memtrace_config *config);

/* As memtrace_init, in memory that outlives a reset and that the start-up code leaves alone: the ring of the run before stays. The
 * memory has two halves, which runs use in turn, so each ring gets half of it; header.run counts the starts. What stands there may be
 * anything: of another build, cut short by the reset, or what RAM holds after power was off. Nothing outside of `memory` is written. */
bool memtrace_init_retained(void *memory, size_t bytes, const struct memtrace_config *config);

/* The ring of the run before, or NULL: there is none. Its header says of which kind of machine it is, and where its tables are: both were
 * checked, and each table lies within total_size bytes. What the tables hold may be damaged: a reader bounds each number that it takes
 * from them. It stays until the next but one start. */
const struct memtrace_header *memtrace_previous(void);

/* The two ways of the next two functions, which alone call them: a recorder that is off costs no call, nor a saved register. The quick
 * one is for when everything is recorded and nothing is asked, and for sizes that an event has room for. */
void memtrace_alloc_quick(struct memtrace_caller caller, void *block, size_t size, unsigned heap, void *ring);
void memtrace_alloc_slow(struct memtrace_caller caller, void *block, size_t size, unsigned heap);
void memtrace_free_quick(struct memtrace_caller caller, void *block, unsigned heap, void *ring);
void memtrace_free_slow(struct memtrace_caller caller, void *block, unsigned heap);

/* `block` NULL records a failed allocation of `size`, of 0 nothing. `heap` is the number of the heap or capability, 0..31. A caller
 * whose `pc` is 0 is not known. */
static inline void memtrace_alloc(struct memtrace_caller caller, void *block, size_t size, unsigned heap)
{
#if MEMTRACE_QUICK
    struct memtrace_header *ring = __atomic_load_n(&memtrace_ring, MEMTRACE_ORDER_BY_ADDRESS);
    if (ring == NULL)
        return;
    if (__atomic_load_n(&ring->request, __ATOMIC_RELAXED) == size >> (8u * sizeof size - MEMTRACE_HEAP_BITS)) {
        memtrace_alloc_quick(caller, block, size, heap, ring);
        return;
    }
#endif
    if (!memtrace_is_off())
        memtrace_alloc_slow(caller, block, size, heap);
}

/* Before the allocator's free. NULL is not recorded: freeing it is no event. */
static inline void memtrace_free(struct memtrace_caller caller, void *block, unsigned heap)
{
#if MEMTRACE_QUICK
    struct memtrace_header *ring = __atomic_load_n(&memtrace_ring, MEMTRACE_ORDER_BY_ADDRESS);
    if (ring == NULL)
        return;
    if (__atomic_load_n(&ring->request, __ATOMIC_RELAXED) == 0) {
        memtrace_free_quick(caller, block, heap, ring);
        return;
    }
#endif
    if (!memtrace_is_off())
        memtrace_free_slow(caller, block, heap);
}

/* Before and after the allocator's realloc, with the same caller. realloc(NULL, n) and realloc(p, 0) are recorded as the
 * allocation and the free that they are. */
struct memtrace_realloc memtrace_realloc_begin(struct memtrace_caller caller, void *block, size_t size, unsigned heap);
void memtrace_realloc_end(struct memtrace_realloc begun, void *old_block, void *new_block, size_t size, unsigned heap);

/* For the wrapper of an entry that the recorder cannot tell from another one: it has been seen to fire. */
void memtrace_entry_seen(enum memtrace_entry entry);

/* Control: what a host may ask through header.request. `name` is for a mark. Each new name takes an entry of the table of names, for
 * ever: number no marks ("request 4711"), or the table is full and further ones have no name (header.names_full counts). */
void memtrace_control(enum memtrace_request request, const char *name);

/* After memtrace_stop nothing is recorded, counted or followed. So a start after it, as one after an assertion, empties the live table: what
 * was allocated before has no owner, and the start's event says since when the recorder knows all. */
static inline void memtrace_start(void)
{
    memtrace_control(MEMTRACE_REQUEST_START, NULL);
}

static inline void memtrace_stop(void)
{
    memtrace_control(MEMTRACE_REQUEST_STOP, NULL);
}

static inline void memtrace_frees_only(void)
{
    memtrace_control(MEMTRACE_REQUEST_FREES_ONLY, NULL);
}

static inline void memtrace_mark(const char *name)
{
    memtrace_control(MEMTRACE_REQUEST_MARK, name);
}

/* Names for the numbers of heaps and tags: what a report says in place of "heap 1" or "tag 7". Call them after memtrace_init, once
 * for each number; another name for a number counts from then on, and takes another entry of the table of names. `capabilities` are the
 * framework's own bits (0: none). false: there is no ring yet, or no room for the name. */
bool memtrace_name_heap(unsigned heap, const char *name, enum memtrace_memory memory, uint32_t capabilities);
bool memtrace_name_tag(unsigned tag, const char *name);

/* From now on what the calling task allocates and frees is recorded with this tag, 1..255, its module's number; 0: with none. Returns the
 * tag that it had, to be set again where the module is left:
 *
 *     unsigned before = memtrace_tag(TAG_NETWORK);
 *     network_poll();
 *     memtrace_tag(before);
 *
 * Each task has its own, and so has what runs before the scheduler. In an interrupt, and in a task that found no entry among the names,
 * it does nothing and returns 0: other ones run under the same number. Without MEMTRACE_TAGS, and before memtrace_init, too. */
#if MEMTRACE_TAGS
unsigned memtrace_tag(unsigned tag);
#else
static inline unsigned memtrace_tag(unsigned tag)
{
    (void)tag;
    return 0;
}
#endif

/* false before memtrace_init. Looks at each entry of the live table. What others record meanwhile may be counted or not. */
bool memtrace_stats(struct memtrace_statistics *stats);

/* Forgets what was recorded and begins anew, in any state, a frozen one too: events, live blocks and counts. Others may record
 * meanwhile, so the tables of stacks and names keep what an event under way may name, and numbers go on; memtrace_init alone
 * empties them. Blocks that live have no owner from then on, until they are allocated again. */
void memtrace_reset(void);

/* A port calls it when a task ends, so that its handle can be another task's without taking over its name. */
void memtrace_task_deleted(uintptr_t handle);

#if MEMTRACE_FILTERS
/* Filters keep allocations out, never frees: a filter set in mid-flight makes no false leaks. */
void memtrace_filter_size(size_t minimum);
void memtrace_filter_heaps(uint32_t mask);
void memtrace_filter_tasks(const uintptr_t *handles, unsigned count); /* count 0: all contexts again */
#endif

/* From tlsf_assert (memtrace_tlsf_assert.h) or a port's assert hook: records the stack, freezes the ring, calls
 * memtrace_assert_stop and returns, so that the normal abort follows. Only the first failure counts. */
void memtrace_assert_failed(struct memtrace_caller caller, const char *text, unsigned line, const char *function);

/* Empty; the host puts its breakpoint here. Weak: a port may override it to trap. */
void memtrace_assert_stop(void);

/* Called before it, when the ring is frozen. Empty and weak: a sink (c_helpers/sinks) has its own, which lets an output that needs
 * neither libc nor interrupts write the rest. */
void memtrace_assert_drain(void);

#ifdef __cplusplus
}
#endif

#endif
