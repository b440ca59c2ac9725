/* SPDX-License-Identifier: Apache-2.0
 *
 * The chip's table of memory.
 */
#ifndef HEAP_MEMORY_LAYOUT_H
#define HEAP_MEMORY_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SOC_MEMORY_TYPE_NO_PRIOS 3

typedef struct {
    const char *name;
    uint32_t caps[SOC_MEMORY_TYPE_NO_PRIOS];
} soc_memory_type_desc_t;

typedef struct {
    intptr_t start;
    size_t size;
    size_t type;
    intptr_t iram_address;
    bool startup_stack;
} soc_memory_region_t;

extern const soc_memory_type_desc_t soc_memory_types[];
extern const size_t soc_memory_type_count;
extern const soc_memory_region_t soc_memory_regions[];
extern const size_t soc_memory_region_count;

#endif
