/* SPDX-License-Identifier: Apache-2.0
 *
 * Starts the recorder with NuttX's heap, and tells it of tasks that end and of assertions that fail.
 *
 * Approach: four of NuttX's functions are wrapped by the linker (nuttx_port.wrap), so that nothing of NuttX is edited. Every assertion
 * ends in _assert: of either allocator, of the kernel, of programs; faults of the processor do, too. __assert is in front of it, and
 * its caller is known without frame pointers.
 * Rejected: memtrace_tlsf_assert.h forced into tlsf.c (its assertions are NuttX's own, and NuttX ignores a per-file flag whose path is
 * not just its own); board_crashdump (boards have one already); a constructor (the kernel allocates before).
 * Cost: the ring; 200 bytes of text.
 * Assumptions: flat builds; umm_initialize is called once, before another task or an interrupt runs.
 */
#include <nuttx/config.h>

#include "memtrace.h"
#include "memtrace_port.h"

void __real_umm_initialize(void *heap_start, size_t heap_size);
int __real_nxsched_release_tcb(struct tcb_s *tcb, uint8_t ttype);
void __real__assert(const char *filename, int linenum, const char *msg, void *regs);
void __real___assert(const char *filename, int linenum, const char *msg);
void __wrap_umm_initialize(void *heap_start, size_t heap_size);
int __wrap_nxsched_release_tcb(struct tcb_s *tcb, uint8_t ttype);
void __wrap__assert(const char *filename, int linenum, const char *msg, void *regs);
void __wrap___assert(const char *filename, int linenum, const char *msg);
void memtrace_tlsf_assertion(struct memtrace_caller caller, const char *text, unsigned line, const char *function);

/* In one section, which the linker keeps or drops as a whole: with one of the options left out it says "undefined reference to __real_..."
 * and not nothing. */
#define TOGETHER __attribute__((section(".text.memtrace_nuttx")))

static uint64_t ring[CONFIG_MEMTRACE_RING_BYTES / 8];

TOGETHER void __wrap_umm_initialize(void *heap_start, size_t heap_size)
{
    static const struct memtrace_config config = {.names = CONFIG_MEMTRACE_NAMES, .live = CONFIG_MEMTRACE_LIVE};
    __real_umm_initialize(heap_start, heap_size);
    if (!memtrace_init(ring, sizeof ring, &config))
        return;
    memtrace_name_heap(0, "Umem", MEMTRACE_MEMORY_UNKNOWN, 0);
#ifdef CONFIG_MM_KERNEL_HEAP
    memtrace_name_heap(1, "Kmem", MEMTRACE_MEMORY_UNKNOWN, 0);
#endif
}

/* Before the block of the task's handle is free for another task. */
TOGETHER int __wrap_nxsched_release_tcb(struct tcb_s *tcb, uint8_t ttype)
{
    memtrace_task_deleted((uintptr_t)tcb);
    return __real_nxsched_release_tcb(tcb, ttype);
}

/* Its name tells a host that the hook is in, as that of memtrace_tlsf_assert.h does. */
TOGETHER void memtrace_tlsf_assertion(struct memtrace_caller caller, const char *text, unsigned line,
                                      const char *function)
{
    memtrace_assert_failed(caller, text, line, function);
}

TOGETHER void __wrap__assert(const char *filename, int linenum, const char *msg, void *regs)
{
    memtrace_tlsf_assertion(MEMTRACE_CALLER(), msg, (unsigned)linenum, filename != NULL ? filename : "_assert");
    __real__assert(filename, linenum, msg, regs);
}

TOGETHER void __wrap___assert(const char *filename, int linenum, const char *msg)
{
    memtrace_tlsf_assertion(MEMTRACE_CALLER(), msg, (unsigned)linenum, filename != NULL ? filename : "__assert");
    __real___assert(filename, linenum, msg);
}
