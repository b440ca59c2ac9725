/* SPDX-License-Identifier: Apache-2.0
 *
 * Buffers of devices, as the hooks of maps see them. All that is asked here costs a load or two until a device has given memory.
 */
#ifndef MEMTRACE_LINUX_DEVICE_H
#define MEMTRACE_LINUX_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "device_table.h"

/* Does this descriptor stand for a buffer, or for a device that gives some? What is mapped of it is counted as device memory. */
static inline bool device_owns_descriptor(int file)
{
    return table_file(file) != 0;
}

bool device_map_seen(const struct caller *from, int file, uint64_t offset, uintptr_t at, size_t bytes);
bool device_unmap_seen(const struct caller *from, uintptr_t at, size_t bytes);

/* After a map was made, of `file` or of none (-1). Returns whether it is of a device. */
static inline bool device_mapped(const struct caller *from, int file, uint64_t offset, uintptr_t at, size_t bytes)
{
    if (LIKELY(!device_owns_descriptor(file) && !table_has_ranges()))
        return false;
    return device_map_seen(from, file, offset, at, bytes);
}

/* Before a range is given back. Returns whether all of it is of devices. */
static inline bool device_unmaps(const struct caller *from, uintptr_t at, size_t bytes)
{
    return !LIKELY(!table_has_ranges()) && device_unmap_seen(from, at, bytes);
}

/* Before mremap: is there a map of a device? And after it succeeded. */
bool device_maps_at(const struct caller *from, uintptr_t at);
void device_remapped(const struct caller *from, uintptr_t at, size_t bytes, uintptr_t moved, size_t grown);

#endif
