/* SPDX-License-Identifier: Apache-2.0
 *
 * Which bus an address is on; a data bus's half of D/IRAM is seen at other addresses by the instruction bus.
 */
#ifndef SOC_MEMORY_LAYOUT_H
#define SOC_MEMORY_LAYOUT_H

#include <stdbool.h>

#include "heap_memory_layout.h"
#include "soc/soc.h"

static inline bool esp_ptr_in_diram_iram(const void *p)
{
    return (uintptr_t)p - SOC_DIRAM_IRAM_LOW < SOC_DIRAM_BYTES;
}

static inline bool esp_ptr_in_rtc_iram_fast(const void *p)
{
    (void)p;
    return false;
}

static inline bool esp_ptr_in_drom(const void *p)
{
    return (uintptr_t)p >= SOC_IROM_LOW && (uintptr_t)p < SOC_IROM_HIGH;
}

#endif
