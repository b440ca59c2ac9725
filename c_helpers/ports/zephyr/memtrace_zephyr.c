/* SPDX-License-Identifier: Apache-2.0
 *
 * Starts the recorder with the kernel, and tells it of threads that end and of failures.
 *
 * Approach: an init function of the first level, before any heap exists; and functions of Zephyr wrapped by the linker
 * (zephyr_port.wrap). Every fault, k_panic and k_oops ends in z_fatal_error; an assertion, which has printed its condition by then, is
 * known by file and line before.
 * Rejected: a k_sys_fatal_error_handler (programs have their own); the level EARLY (the structure of the current thread is not filled).
 * Cost: the ring; 300 bytes of text.
 * Assumptions: nothing allocates before PRE_KERNEL_1.
 */
#include <zephyr/fatal.h>
#include <zephyr/init.h>
#include <zephyr/kernel.h>

#include "memtrace.h"
#include "memtrace_port.h"

struct arch_esf;

void __real_z_impl_k_thread_abort(k_tid_t thread);
void __wrap_z_impl_k_thread_abort(k_tid_t thread);
void __real_z_fatal_error(unsigned int reason, const struct arch_esf *esf);
void __wrap_z_fatal_error(unsigned int reason, const struct arch_esf *esf);

/* In one section, which the linker keeps as a whole: with one of the options left out it says "undefined reference to __real_..." and
 * not nothing. */
#define TOGETHER __attribute__((section(".text.memtrace_zephyr")))

static uint64_t ring[CONFIG_MEMTRACE_RING_BYTES / 8];

/* "k_heap 0x20000410": a debugger's `info symbol` says whose it is. */
static void heap_name(unsigned number, const struct k_heap *heap)
{
    char name[] = "k_heap 0x00000000";
    for (unsigned digit = 0; digit < 8; digit++)
        name[sizeof name - 2 - digit] = "0123456789abcdef"[(uintptr_t)heap >> (4 * digit) & 15];
    (void)memtrace_name_heap(number, name, MEMTRACE_MEMORY_UNKNOWN, 0);
}

/* The heaps of memtrace_port_heap. */
static void heaps_name(void)
{
    unsigned number = 1;
    STRUCT_SECTION_FOREACH(k_heap, heap)
    {
#if defined(CONFIG_HEAP_MEM_POOL_SIZE) && CONFIG_HEAP_MEM_POOL_SIZE > 0
        extern struct k_heap _system_heap;
        if (heap == &_system_heap)
            (void)memtrace_name_heap(number, "k_malloc", MEMTRACE_MEMORY_UNKNOWN, 0);
        else
#endif
            heap_name(number, heap);
        if (++number >= 31)
            break;
    }
}

TOGETHER static int recorder_start(void)
{
    static const struct memtrace_config config = {.names = CONFIG_MEMTRACE_NAMES, .live = CONFIG_MEMTRACE_LIVE};
    if (memtrace_init(ring, sizeof ring, &config))
        heaps_name();
    return 0;
}

SYS_INIT(recorder_start, PRE_KERNEL_1, 0);

/* A thread that aborts itself does not come back from it; one that another thread aborts may run until then. */
TOGETHER void __wrap_z_impl_k_thread_abort(k_tid_t thread)
{
    memtrace_task_deleted((uintptr_t)thread);
    __real_z_impl_k_thread_abort(thread);
    memtrace_task_deleted((uintptr_t)thread);
}

static const char *reason_text(unsigned int reason)
{
    switch (reason) {
    case K_ERR_CPU_EXCEPTION:
        return "CPU exception";
    case K_ERR_SPURIOUS_IRQ:
        return "unhandled interrupt";
    case K_ERR_STACK_CHK_FAIL:
        return "stack overflow";
    case K_ERR_KERNEL_OOPS:
        return "k_oops";
    case K_ERR_KERNEL_PANIC:
        return "k_panic";
    default:
        return "fatal error";
    }
}

TOGETHER void __wrap_z_fatal_error(unsigned int reason, const struct arch_esf *esf)
{
    memtrace_assert_failed(MEMTRACE_CALLER(), reason_text(reason), reason, "z_fatal_error");
    __real_z_fatal_error(reason, esf);
}

#ifdef CONFIG_ASSERT_NO_FILE_INFO
#define PLACE void
#define PLACE_ARGUMENTS
#define PLACE_FILE "", 0
#else
#define PLACE const char *file, unsigned int line
#define PLACE_ARGUMENTS file, line
#define PLACE_FILE file, line
#endif

/* Its name tells a host that the hook is in, as that of memtrace_tlsf_assert.h does. */
void memtrace_tlsf_assertion(struct memtrace_caller caller, const char *text, unsigned line, const char *function);
void memtrace_tlsf_assertion(struct memtrace_caller caller, const char *text, unsigned line, const char *function)
{
    memtrace_assert_failed(caller, text, line, function);
}

void __real_assert_post_action(PLACE);
void __wrap_assert_post_action(PLACE);

void __wrap_assert_post_action(PLACE)
{
    memtrace_tlsf_assertion(MEMTRACE_CALLER(), PLACE_FILE, "__ASSERT");
    __real_assert_post_action(PLACE_ARGUMENTS);
}
