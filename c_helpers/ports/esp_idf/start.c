/* SPDX-License-Identifier: Apache-2.0
 *
 * The recorder in an ESP-IDF application: its memory, and its start.
 *
 * Approach: static memory, so the linker says whether it fits. heaps.c starts the recorder when IDF registers its first heap: nobody
 * can allocate before. A constructor starts what needs more of the system.
 * Rejected: a constructor alone (the drivers that start before it have allocated), ESP_SYSTEM_INIT_FN (private, and different in each
 * version), memory of the heap that is watched.
 * Assumptions: constructors run when esp_timer has been started, in all versions.
 */
#include "esp_attr.h"
#include "memtrace.h"
#include "memtrace_double_free.h"
#include "memtrace_esp_idf.h"
#include "memtrace_port.h"

#if CONFIG_MEMTRACE_RING_PSRAM && defined(EXT_RAM_BSS_ATTR)
#define RING EXT_RAM_BSS_ATTR
#elif CONFIG_MEMTRACE_RING_PSRAM
#define RING EXT_RAM_ATTR
#elif CONFIG_MEMTRACE_RING_NOINIT
#define RING __NOINIT_ATTR
#elif CONFIG_MEMTRACE_RING_RTC
#define RING RTC_NOINIT_ATTR
#elif CONFIG_MEMTRACE_RING_COREDUMP
#define RING COREDUMP_DRAM_ATTR
#else
#define RING
#endif

bool memtrace_esp_idf_clock_runs;
#if MEMTRACE_ATOMICS_BY_LOCK && portNUM_PROCESSORS > 1
uint32_t memtrace_esp_idf_locked;
#endif

static RING uint64_t ring[CONFIG_MEMTRACE_RING_BYTES / sizeof(uint64_t)];

void memtrace_esp_idf_start(void)
{
    const struct memtrace_config config = {.names = CONFIG_MEMTRACE_NAMES, .live = CONFIG_MEMTRACE_LIVE_ENTRIES};
    if (memtrace_ring != NULL)
        return;
#if CONFIG_MEMTRACE_RING_NOINIT || CONFIG_MEMTRACE_RING_RTC
    memtrace_init_retained(ring, sizeof ring, &config);
#else
    memtrace_init(ring, sizeof ring, &config);
#endif
#if !CONFIG_MEMTRACE_AUTO_START
    memtrace_stop();
#endif
#if MEMTRACE_FILTERS
    memtrace_filter_size(CONFIG_MEMTRACE_FILTER_BYTES);
    memtrace_filter_heaps(CONFIG_MEMTRACE_FILTER_HEAPS);
#endif
}

#if MEMTRACE_DOUBLE_FREE
static void line_put(void *context, const char *text, size_t bytes)
{
    (void)context;
    memtrace_esp_idf_send(text, bytes);
}
#endif

__attribute__((constructor)) static void services_start(void)
{
    memtrace_esp_idf_clock_runs = true;
#if MEMTRACE_DOUBLE_FREE
    static const struct memtrace_console_output line = {.put = line_put, .backtraces = true};
    memtrace_double_free_to(&line);
#endif
#if !CONFIG_MEMTRACE_SINK_NONE
    memtrace_esp_idf_sink_start();
#endif
}
