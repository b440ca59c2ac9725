/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <zephyr/kernel.h>

enum { SAVED_WORDS = 16 };

void arch_thread_begin(void);
void arch_switch(void **save, void *saved);

struct z_kernel _kernel;
bool z_sys_post_kernel;

bool k_is_in_isr(void)
{
    return _kernel.cpus[0].nested != 0;
}

k_tid_t k_current_get(void)
{
    return _kernel.cpus[0].current;
}

const char *k_thread_name_get(k_tid_t thread)
{
    return thread->name;
}

void z_thread_entry(void (*entry)(void *, void *, void *));

k_tid_t k_thread_create(struct k_thread *thread, char *stack, size_t size, void (*entry)(void *, void *, void *),
                        const char *name)
{
    memset(thread, 0, sizeof *thread);
    thread->stack_info.start = (uintptr_t)stack;
    thread->stack_info.size = size;
#if CONFIG_HEAP_MEM_POOL_SIZE > 0
    extern struct k_heap _system_heap;
    thread->resource_pool = &_system_heap;
#endif
    memcpy(thread->name, name, strlen(name));
    uintptr_t *saved = (uintptr_t *)(((uintptr_t)stack + size) & ~(uintptr_t)15) - SAVED_WORDS;
    memset(saved, 0, SAVED_WORDS * sizeof *saved);
    saved[0] = (uintptr_t)arch_thread_begin;
    saved[2] = (uintptr_t)z_thread_entry;
    saved[3] = (uintptr_t)entry;
    thread->saved = saved;
    struct k_thread *current = _kernel.cpus[0].current;
    thread->base.next = current->base.next != NULL ? current->base.next : thread;
    current->base.next = thread;
    return thread;
}

static void switch_to(void **save, struct k_thread *thread)
{
    _kernel.cpus[0].current = thread;
    arch_switch(save, thread->saved);
}

void k_yield(void)
{
    struct k_thread *current = _kernel.cpus[0].current;
    if (current->base.next != current)
        switch_to(&current->saved, current->base.next);
}

void z_impl_k_thread_abort(k_tid_t thread)
{
    static void *nobody;
    struct k_thread *before = thread;
    while (before->base.next != thread)
        before = before->base.next;
    before->base.next = thread->base.next;
    thread->base.thread_state |= _THREAD_DEAD;
    if (thread == _kernel.cpus[0].current)
        switch_to(&nobody, thread->base.next);
}

/* The dummy starts it, and is in the ring no more. */
void z_main_start(struct k_thread *main_thread);
void z_main_start(struct k_thread *main_thread)
{
    static void *nobody;
    main_thread->base.next = main_thread;
    switch_to(&nobody, main_thread);
}
