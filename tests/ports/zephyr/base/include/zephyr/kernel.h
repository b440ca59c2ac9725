/* SPDX-License-Identifier: Apache-2.0
 *
 * A stand-in for Zephyr: its names, prototypes and files as far as a port of the recorder meets them, in our own words.
 */
#ifndef ZEPHYR_KERNEL_H
#define ZEPHYR_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <zephyr/arch/cpu.h>
#include <zephyr/sys/iterable_sections.h>

#define _THREAD_DUMMY 1u
#define _THREAD_DEAD 8u

struct sys_heap {
    void *heap;
    void *init_mem;
    size_t init_bytes;
};

struct k_heap {
    struct sys_heap heap;
    unsigned lock;
};

typedef struct {
    int64_t ticks;
} k_timeout_t;

#define K_NO_WAIT ((k_timeout_t){0})
#define K_FOREVER ((k_timeout_t){-1})

struct k_thread {
    struct {
        uint8_t thread_state;
        int8_t prio;
        struct k_thread *next; /* of those that are ready, in a ring */
    } base;
    void *saved;
    struct {
        uintptr_t start;
        size_t size;
    } stack_info;
    void (*entry)(void *, void *, void *);
    struct k_heap *resource_pool;
    char name[32];
};

typedef struct k_thread *k_tid_t;

struct _cpu {
    uint32_t nested;
    char *irq_stack;
    struct k_thread *current;
    uint8_t id;
};

struct z_kernel {
    struct _cpu cpus[CONFIG_MP_MAX_NUM_CPUS];
};

extern struct z_kernel _kernel;

#define K_HEAP_DEFINE(name, bytes) \
    static char name##_memory[bytes] __attribute__((aligned(8))); \
    __attribute__((section("._k_heap.static." #name), used)) struct k_heap name = { \
        .heap = {.init_mem = name##_memory, .init_bytes = (bytes)}}

static inline bool k_is_pre_kernel(void)
{
    extern bool z_sys_post_kernel;
    return !z_sys_post_kernel;
}

bool k_is_in_isr(void);
int64_t sys_clock_tick_get(void);
k_tid_t k_current_get(void);
const char *k_thread_name_get(k_tid_t thread);
k_tid_t k_thread_create(struct k_thread *thread, char *stack, size_t size, void (*entry)(void *, void *, void *),
                        const char *name);
void k_yield(void);

static inline void k_msleep(int32_t ms)
{
    (void)ms;
    k_yield();
}

struct static_thread {
    struct k_thread *thread;
    char *stack;
    size_t size;
    void (*entry)(void *, void *, void *);
    const char *name;
};

#define K_THREAD_DEFINE(name_, size_, entry_, a, b, c, priority, options, delay) \
    static struct k_thread name_##_thread; \
    static char name_##_stack[size_] __attribute__((aligned(16))); \
    __attribute__((section("._static_thread.static." #name_), used)) struct static_thread name_ = { \
        .thread = &name_##_thread, .stack = name_##_stack, .size = (size_), .entry = (entry_), .name = #name_}

#define ARG_UNUSED(one) (void)(one)

void z_impl_k_thread_abort(k_tid_t thread);

static inline void k_thread_abort(k_tid_t thread)
{
    z_impl_k_thread_abort(thread);
}

void k_panic(void);

void *k_malloc(size_t size);
void *k_calloc(size_t nmemb, size_t size);
void *k_realloc(void *ptr, size_t size);
void k_free(void *ptr);
void *k_aligned_alloc(size_t align, size_t size);
void *z_thread_aligned_alloc(size_t align, size_t size);
void k_heap_init(struct k_heap *h, void *mem, size_t bytes);
void *k_heap_alloc(struct k_heap *h, size_t bytes, k_timeout_t timeout);
void *k_heap_aligned_alloc(struct k_heap *h, size_t align, size_t bytes, k_timeout_t timeout);
void *k_heap_calloc(struct k_heap *h, size_t num, size_t size, k_timeout_t timeout);
void *k_heap_realloc(struct k_heap *h, void *ptr, size_t bytes, k_timeout_t timeout);
void k_heap_free(struct k_heap *h, void *mem);

void sys_heap_init(struct sys_heap *heap, void *mem, size_t bytes);
void *sys_heap_aligned_alloc(struct sys_heap *heap, size_t align, size_t bytes);
void *sys_heap_realloc(struct sys_heap *heap, void *ptr, size_t bytes);
void sys_heap_free(struct sys_heap *heap, void *mem);

void irq_offload(void (*routine)(const void *), const void *parameter);

#endif
