/* SPDX-License-Identifier: Apache-2.0 */
#include "esp_heap_caps.h"
#include "heap_memory_layout.h"
#include "soc/soc.h"

const soc_memory_type_desc_t soc_memory_types[] = {
    {"DRAM", {MALLOC_CAP_8BIT | MALLOC_CAP_DEFAULT, MALLOC_CAP_INTERNAL | MALLOC_CAP_DMA | MALLOC_CAP_32BIT, 0}},
    {"D/IRAM", {0, MALLOC_CAP_DMA | MALLOC_CAP_INTERNAL, MALLOC_CAP_32BIT | MALLOC_CAP_EXEC}},
    {"SPIRAM", {MALLOC_CAP_SPIRAM | MALLOC_CAP_DEFAULT, 0, MALLOC_CAP_8BIT | MALLOC_CAP_32BIT}},
};
const size_t soc_memory_type_count = sizeof soc_memory_types / sizeof soc_memory_types[0];

const soc_memory_region_t soc_memory_regions[] = {
    {(intptr_t)SOC_DRAM_HEAP, SOC_DRAM_HEAP_BYTES, 0, 0, false},
    {(intptr_t)SOC_DIRAM_LOW, SOC_DIRAM_BYTES, 1, (intptr_t)SOC_DIRAM_IRAM_LOW, false},
    {(intptr_t)SOC_EXTRAM_LOW, SOC_EXTRAM_BYTES, 2, 0, false},
};
const size_t soc_memory_region_count = sizeof soc_memory_regions / sizeof soc_memory_regions[0];
