/* SPDX-License-Identifier: Apache-2.0 */
#include "nor.h"

#include <string.h>

void nor_make(struct nor *nor, uint32_t size, uint32_t sector_bytes, uint32_t unit_bytes)
{
    memset(nor->bytes, 0xff, size);
    nor->operations = 0;
    nor->wrong = 0;
    nor->size = size;
    nor->sector_bytes = sector_bytes;
    nor->unit_bytes = unit_bytes;
}

bool nor_read(const struct nor *nor, uint32_t offset, void *bytes, size_t count)
{
    if (offset > nor->size || count > nor->size - offset)
        return false;
    memcpy(bytes, nor->bytes + offset, count);
    return true;
}

/* How many of the operation's bytes are done; the next one is done in part. */
static uint32_t bytes_done(struct nor *nor, size_t count)
{
    nor->operations++;
    nor->last_bytes = (uint32_t)count;
    return nor->operations == nor->cut_at && nor->cut_byte < count ? nor->cut_byte : (uint32_t)count;
}

static void power_look(struct nor *nor)
{
    if (nor->operations == nor->cut_at)
        longjmp(nor->power, 1);
}

static bool can_program(const struct nor *nor, uint32_t offset, const uint8_t *bytes, size_t count)
{
    if (offset > nor->size || count > nor->size - offset || count == 0)
        return false;
    if (offset % nor->unit_bytes != 0 || count % nor->unit_bytes != 0)
        return false;
    if (offset / NOR_PAGE_BYTES != (offset + count - 1) / NOR_PAGE_BYTES)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (nor->bytes[offset + i] != 0xff && bytes[i] != 0xff)
            return false;
    }
    return true;
}

bool nor_program(struct nor *nor, uint32_t offset, const void *bytes, size_t count)
{
    const uint8_t *next = bytes;
    if (!can_program(nor, offset, next, count)) {
        nor->wrong++;
        return false;
    }
    uint32_t done = bytes_done(nor, count);
    for (uint32_t i = 0; i < done; i++)
        nor->bytes[offset + i] &= next[i];
    if (done < count)
        nor->bytes[offset + done] &= (uint8_t)(next[done] | 0xa5); /* some of its bits */
    power_look(nor);
    return true;
}

static uint32_t place_of(enum nor_order order, uint32_t i, uint32_t count)
{
    if (order == NOR_ANYHOW)
        return i * 37u % count; /* odd, and a sector has a power of two bytes: each place once */
    return order == NOR_BACKWARDS ? count - 1u - i : i;
}

bool nor_erase(struct nor *nor, uint32_t offset)
{
    if (offset >= nor->size || offset % nor->sector_bytes != 0) {
        nor->wrong++;
        return false;
    }
    uint32_t done = bytes_done(nor, nor->sector_bytes);
    for (uint32_t i = 0; i < done; i++)
        nor->bytes[offset + place_of(nor->erases, i, nor->sector_bytes)] = 0xff;
    if (done < nor->sector_bytes)
        nor->bytes[offset + place_of(nor->erases, done, nor->sector_bytes)] |= 0x5a;
    power_look(nor);
    return true;
}
