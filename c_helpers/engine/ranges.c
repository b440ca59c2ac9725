/* SPDX-License-Identifier: Apache-2.0 */
#include "ranges.h"

#include <string.h>

size_t ranges_first(const struct ranges *ranges, uint64_t address)
{
    size_t low = 0, high = ranges->count, middle;
    while (low < high) {
        middle = low + (high - low) / 2;
        if (ranges->entries[middle].end > address) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

bool ranges_replace(struct ranges *ranges, struct memory *memory, size_t at, size_t count, size_t with)
{
    struct range *entries = ranges->entries;
    if (with > count) {
        entries = memory_room(memory, entries, &ranges->capacity, ranges->count, sizeof *entries);
        if (entries == NULL) {
            return false;
        }
        ranges->entries = entries;
    }
    if (with != count) {
        memmove(entries + at + with, entries + at + count, (ranges->count - at - count) * sizeof *entries);
    }
    ranges->count = ranges->count - count + with;
    return true;
}

void ranges_clear(struct ranges *ranges, struct memory *memory)
{
    memory_release(memory, ranges->entries, ranges->capacity * sizeof *ranges->entries);
    ranges->entries = NULL;
    ranges->capacity = ranges->count = 0;
}
