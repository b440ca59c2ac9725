/* SPDX-License-Identifier: Apache-2.0
 *
 * The log in a partition of flash, as a ring without a file system.
 *
 * Assumptions: esp_partition's functions wait for the flash and take locks, so none of them is called at an assertion.
 */
#include "esp_partition.h"
#include "flash_ring.h"
#include "memtrace_esp_idf.h"
#include "sdkconfig.h"

#define SECTOR_BITS 12u

static const esp_partition_t *partition;

static bool partition_get(struct memtrace_flash_ring *ring, uint32_t offset, void *bytes, size_t count)
{
    (void)ring;
    return esp_partition_read(partition, offset, bytes, count) == ESP_OK;
}

static bool partition_program(struct memtrace_flash_ring *ring, uint32_t offset, const void *bytes, size_t count)
{
    (void)ring;
    return esp_partition_write(partition, offset, bytes, count) == ESP_OK;
}

static bool partition_erase(struct memtrace_flash_ring *ring, uint32_t offset)
{
    (void)ring;
    return esp_partition_erase_range(partition, offset, 1u << SECTOR_BITS) == ESP_OK;
}

static struct memtrace_flash_ring flash = {
    .read = partition_get, .program = partition_program, .erase = partition_erase, .sector_bits = SECTOR_BITS};

struct memtrace_output *memtrace_esp_idf_output(void)
{
    partition = esp_partition_find_first(ESP_PARTITION_TYPE_DATA, ESP_PARTITION_SUBTYPE_ANY,
                                         CONFIG_MEMTRACE_SINK_PARTITION_LABEL);
    if (partition == NULL)
        return NULL;
    flash.sectors = partition->size >> SECTOR_BITS;
    flash.unit_bytes = partition->encrypted ? 16 : 1;
    if (!memtrace_flash_ring_open(&flash))
        return NULL;
    flash.output.polled = false;
    return &flash.output;
}
