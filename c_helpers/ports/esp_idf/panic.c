/* SPDX-License-Identifier: Apache-2.0
 *
 * How the allocator dies beside tlsf's assertions: assert() of heap_caps, of the poisoning and of ROM's tlsf, multi_heap's abort(), and
 * faults in its damaged lists.
 *
 * Approach: wrappers of the three functions that all of these lead through. They freeze the ring if this task is within a wrapped
 * function of the allocator; any other panic is not the heap's, and passes.
 * Rejected: esp_panic_handler (the Bluetooth libraries of several chips wrap it already); each assert of its own (private to a file).
 * Assumptions: none of them returns, and the first one counts.
 */
#include "esp_attr.h"
#include "memtrace_esp_idf.h"
#include "memtrace_port.h"
#include "memtrace_wrap.h"

void __real___assert_func(const char *file, int line, const char *function, const char *text) __attribute__((noreturn));
void __wrap___assert_func(const char *file, int line, const char *function, const char *text) __attribute__((noreturn));
void __real_panic_abort(const char *details) __attribute__((noreturn));
void __wrap_panic_abort(const char *details) __attribute__((noreturn));
void __real_xt_unhandled_exception(void *frame);
void __wrap_xt_unhandled_exception(void *frame);
bool spi_flash_cache_enabled(void); /* in private headers, of another name in each version */

/* Not while flash is written, if the recorder lies there. These functions do not: RISC-V's vectors jump to the last one by an instruction
 * that does not reach flash. */
static inline bool recorder_is_reachable(void)
{
#if CONFIG_MEMTRACE_IN_IRAM
    return true;
#else
    return spi_flash_cache_enabled();
#endif
}

IRAM_ATTR void __wrap___assert_func(const char *file, int line, const char *function, const char *text)
{
    if (recorder_is_reachable() && memtrace_wrap_is_inside())
        memtrace_assert_failed_readable(MEMTRACE_CALLER(), text, (unsigned)line, function);
    __real___assert_func(file, line, function, text);
}

IRAM_ATTR void __wrap_panic_abort(const char *details)
{
    if (recorder_is_reachable() && memtrace_wrap_is_inside())
        memtrace_assert_failed_readable(MEMTRACE_CALLER(), details, 0, "abort");
    __real_panic_abort(details);
}

IRAM_ATTR void __wrap_xt_unhandled_exception(void *frame)
{
    if (recorder_is_reachable() && memtrace_wrap_is_inside())
        memtrace_assert_failed((struct memtrace_caller){0, 0}, "fault", 0, "the allocator");
    __real_xt_unhandled_exception(frame);
}
