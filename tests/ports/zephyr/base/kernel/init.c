/* SPDX-License-Identifier: Apache-2.0 */
#include <zephyr/init.h>
#include <zephyr/kernel.h>

extern const struct init_entry __init_PRE_KERNEL_1_start[], __init_POST_KERNEL_start[], __init_APPLICATION_start[],
    __init_end[];
extern char z_interrupt_stacks[];
extern bool z_sys_post_kernel;
extern int main(void);

void z_main_start(struct k_thread *main_thread);
void z_cstart(void);

static struct k_thread dummy, z_main_thread;
static char z_main_stack[2048] __attribute__((aligned(16)));

static void level_run(const struct init_entry *from, const struct init_entry *to)
{
    for (; from < to; from++)
        (void)from->init();
}

static void bg_thread_main(void *a, void *b, void *c)
{
    (void)a;
    (void)b;
    (void)c;
    z_sys_post_kernel = true;
    level_run(__init_POST_KERNEL_start, __init_APPLICATION_start);
    level_run(__init_APPLICATION_start, __init_end);
    STRUCT_SECTION_FOREACH(static_thread, one)
    {
        k_thread_create(one->thread, one->stack, one->size, one->entry, one->name);
    }
    (void)main();
    for (;;)
        k_yield();
}

void z_cstart(void)
{
    dummy.base.thread_state = _THREAD_DUMMY;
    _kernel.cpus[0].current = &dummy;
    _kernel.cpus[0].irq_stack = z_interrupt_stacks + CONFIG_ISR_STACK_SIZE;
    level_run(__init_PRE_KERNEL_1_start, __init_POST_KERNEL_start);
    z_main_start(k_thread_create(&z_main_thread, z_main_stack, sizeof z_main_stack, bg_thread_main, "main"));
}
