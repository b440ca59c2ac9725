/* SPDX-License-Identifier: Apache-2.0 */
#include "flash_ring.h"

#include <string.h>

#include "checksum.h"
#include "memtrace_format.h"

#define SECTOR_MAGIC "\x89MTFLSH\n"
#define SMALLEST_PIECE 16u /* bytes of the log; a sector with less room is full */
#define OF_PARTS 8u        /* parts in the ring, if nobody says how large they are */

static uint32_t sector_bytes(const struct memtrace_flash_ring *ring)
{
    return (uint32_t)1 << ring->sector_bits;
}

static uint32_t sector_offset(const struct memtrace_flash_ring *ring)
{
    return (uint32_t)ring->sector.index << ring->sector_bits;
}

static uint32_t sector_sum(const struct flash_ring_sector *sector)
{
    return checksum_add(0, sector, offsetof(struct flash_ring_sector, sum));
}

static uint32_t unit_round(const struct memtrace_flash_ring *ring, uint32_t bytes)
{
    return (bytes + ring->unit_bytes - 1u) & ~(ring->unit_bytes - 1u);
}

/* ---- bytes ---- */

static bool page_program(struct memtrace_flash_ring *ring)
{
    uint32_t offset = sector_offset(ring) + ring->used - ring->paged;
    bool done = ring->paged == 0 || ring->program(ring, offset, ring->page, ring->paged);
    ring->paged = 0;
    return done;
}

/* The bytes are behind those of the sector; full pages are programmed. */
static bool bytes_add(struct memtrace_flash_ring *ring, const void *bytes, size_t count)
{
    const uint8_t *next = bytes;
    while (count > 0) {
        size_t room = FLASH_RING_PAGE_BYTES - ring->used % FLASH_RING_PAGE_BYTES;
        size_t taken = count < room ? count : room;
        memcpy(ring->page + ring->paged, next, taken);
        ring->paged += (uint32_t)taken;
        ring->used += (uint32_t)taken;
        if (taken == room && !page_program(ring))
            return false;
        next += taken;
        count -= taken;
    }
    return true;
}

/* The rest of the last unit is left as erased. */
static bool unit_end(struct memtrace_flash_ring *ring)
{
    static const uint8_t erased[FLASH_RING_UNIT_MAX] = {
        255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
        255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    };
    return bytes_add(ring, erased, unit_round(ring, ring->used) - ring->used) && page_program(ring);
}

/* ---- sectors ---- */

static bool sector_erase(struct memtrace_flash_ring *ring)
{
    ring->paged = 0;
    ring->used = 0;
    return ring->erase(ring, sector_offset(ring)) && bytes_add(ring, &ring->sector, sizeof ring->sector) &&
           unit_end(ring);
}

/* The next sector, in place of what it holds. One that cannot be erased or programmed is passed over. `part` and `run` are 0
 * where this sector is their first. */
static bool sector_begin(struct memtrace_flash_ring *ring, uint32_t part, uint32_t run)
{
    struct flash_ring_sector *sector = &ring->sector;
    sector->sequence++;
    sector->part = part != 0 ? part : sector->sequence;
    sector->run = run != 0 ? run : sector->sequence;
    for (uint32_t tries = ring->sectors; tries > 0; tries--) {
        sector->index = (uint16_t)(sector->index + 1u < ring->sectors ? sector->index + 1u : 0);
        sector->sum = sector_sum(sector);
        if (sector_erase(ring))
            return true;
    }
    return false;
}

static uint32_t sector_room(const struct memtrace_flash_ring *ring)
{
    uint32_t left = sector_bytes(ring) - ring->used;
    uint32_t least = (uint32_t)sizeof(struct flash_ring_frame) + SMALLEST_PIECE;
    return left < least ? 0 : left - (uint32_t)sizeof(struct flash_ring_frame);
}

/* ---- the output ---- */

static uint32_t frame_sum(const struct flash_ring_sector *sector, const struct flash_ring_frame *frame)
{
    uint32_t sum = checksum_add(0, &sector->sequence, sizeof sector->sequence);
    return checksum_add(sum, frame, offsetof(struct flash_ring_frame, sum));
}

/* `left` bytes of a write are still to be written: as many of them as the sector has room for. */
static bool frame_write(struct memtrace_flash_ring *ring, const void *bytes, size_t left, uint32_t write)
{
    uint32_t room = sector_room(ring);
    uint32_t count = left < room ? (uint32_t)left : room;
    struct flash_ring_frame frame = {ring->part_bytes, count == left ? count : count | FLASH_RING_GOES_ON, write, 0};
    frame.sum = checksum_add(frame_sum(&ring->sector, &frame), bytes, count);
    ring->part_bytes += count;
    return bytes_add(ring, &frame, sizeof frame) && bytes_add(ring, bytes, count) && unit_end(ring);
}

static bool is_header(const void *bytes, size_t count)
{
    static const uint8_t magic[8] = {MEMTRACE_MAGIC_FIRST, MEMTRACE_MAGIC_REST};
    return count >= sizeof magic && memcmp(bytes, magic, sizeof magic) == 0;
}

static bool part_begin(struct memtrace_flash_ring *ring)
{
    uint32_t run = ring->is_new_run ? 0 : ring->sector.run;
    ring->is_new_run = false;
    ring->part_bytes = 0;
    return sector_begin(ring, 0, run);
}

static bool frames_write(struct memtrace_flash_ring *ring, const uint8_t *bytes, size_t count, uint32_t write)
{
    while (count > 0) {
        if (sector_room(ring) == 0 && !sector_begin(ring, ring->sector.part, ring->sector.run))
            return false;
        uint32_t before = ring->part_bytes;
        if (!frame_write(ring, bytes, count, write))
            return false;
        bytes += ring->part_bytes - before;
        count -= ring->part_bytes - before;
    }
    return true;
}

static bool ring_write(struct memtrace_output *output, const void *bytes, size_t count)
{
    struct memtrace_flash_ring *ring = (struct memtrace_flash_ring *)(void *)output;
    uint32_t write = checksum_add(0, bytes, count);
    bool is_repeated = ring->may_repeat && !ring->is_new_run && write == ring->last_write;
    ring->may_repeat = false;
    if (is_repeated)
        return true;
    return (!is_header(bytes, count) || part_begin(ring)) && frames_write(ring, bytes, count, write);
}

static bool ring_begin(struct memtrace_output *output)
{
    ((struct memtrace_flash_ring *)(void *)output)->is_new_run = true;
    return true;
}

/* A header begins a part wherever it comes from: there is nothing else to do. */
static bool ring_turn(struct memtrace_output *output)
{
    (void)output;
    return true;
}

/* ---- opening ---- */

static bool is_possible(const struct memtrace_flash_ring *ring)
{
    uint32_t unit = ring->unit_bytes;
    return ring->sectors >= FLASH_RING_SECTORS_MIN && ring->sectors <= FLASH_RING_SECTORS_MAX &&
           ring->sector_bits >= FLASH_RING_SECTOR_BITS_MIN && ring->sector_bits <= FLASH_RING_SECTOR_BITS_MAX &&
           unit != 0 && unit <= FLASH_RING_UNIT_MAX && (unit & (unit - 1u)) == 0 &&
           (uint64_t)ring->sectors << ring->sector_bits <= UINT32_MAX;
}

/* Does this header stand in this sector of a ring of this shape? */
static bool sector_is(const struct memtrace_flash_ring *ring, const struct flash_ring_sector *found, uint32_t index)
{
    return memcmp(found->magic, SECTOR_MAGIC, sizeof found->magic) == 0 && found->sum == sector_sum(found) &&
           found->index == index && found->sectors == ring->sectors && found->sector_bits == ring->sector_bits;
}

static bool newest_find(struct memtrace_flash_ring *ring)
{
    for (uint32_t index = 0; index < ring->sectors; index++) {
        struct flash_ring_sector found;
        if (!ring->read(ring, index << ring->sector_bits, &found, sizeof found))
            return false;
        if (sector_is(ring, &found, index) && found.sequence > ring->sector.sequence)
            ring->sector = found;
    }
    return true;
}

/* The checksum of bytes of the flash, behind `sum`. */
static bool sum_add(struct memtrace_flash_ring *ring, uint32_t offset, uint32_t count, uint32_t *sum)
{
    while (count > 0) {
        uint32_t taken = count < sizeof ring->page ? count : (uint32_t)sizeof ring->page;
        if (!ring->read(ring, offset, ring->page, taken))
            return false;
        *sum = checksum_add(*sum, ring->page, taken);
        offset += taken;
        count -= taken;
    }
    return true;
}

/* The frame at `ring->used` of the sector; false: there is none that is whole. */
static bool frame_read(struct memtrace_flash_ring *ring, struct flash_ring_frame *frame)
{
    if (sector_room(ring) == 0 || !ring->read(ring, sector_offset(ring) + ring->used, frame, sizeof *frame))
        return false;
    uint32_t bytes = frame->bytes & ~FLASH_RING_GOES_ON;
    uint32_t sum = frame_sum(&ring->sector, frame);
    uint32_t from = sector_offset(ring) + ring->used + (uint32_t)sizeof *frame;
    return bytes <= sector_room(ring) && sum_add(ring, from, bytes, &sum) && sum == frame->sum;
}

/* Where the last whole write of the part ends, if it ends in this sector. */
static bool end_find(struct memtrace_flash_ring *ring)
{
    struct flash_ring_frame frame;
    bool found = false;
    ring->used = unit_round(ring, (uint32_t)sizeof ring->sector);
    while (frame_read(ring, &frame)) {
        uint32_t bytes = frame.bytes & ~FLASH_RING_GOES_ON;
        if (frame.bytes == bytes) {
            ring->part_bytes = frame.offset + bytes;
            ring->last_write = frame.write;
            found = true;
        }
        ring->used = unit_round(ring, ring->used + (uint32_t)sizeof frame + bytes);
    }
    return found;
}

/* The part that was written last may go on: what a reset left of it comes first. */
static void part_find(struct memtrace_flash_ring *ring)
{
    struct flash_ring_sector newest = ring->sector;
    bool found = false;
    for (uint32_t tries = ring->sectors; tries > 0 && !found && ring->sector.sequence >= newest.part; tries--) {
        found = end_find(ring);
        ring->sector.sequence--;
        ring->sector.index = (uint16_t)(ring->sector.index != 0 ? ring->sector.index - 1u : ring->sectors - 1u);
    }
    ring->may_repeat = found;
    ring->sector = newest;
}

static uint32_t part_size(const struct memtrace_flash_ring *ring)
{
    uint32_t part = (ring->sectors << ring->sector_bits) / OF_PARTS;
    uint32_t sector = sector_bytes(ring);
    uint32_t whole = part < sector ? sector : part & ~(sector - 1u);
    return whole - whole / 16u; /* of which headers take the rest, so that a part ends where its last sector does */
}

bool memtrace_flash_ring_open(struct memtrace_flash_ring *ring)
{
    if (!is_possible(ring))
        return false;
    uint32_t part_bytes = ring->output.part_bytes != 0 ? ring->output.part_bytes : part_size(ring);
    ring->output = (struct memtrace_output){
        .write = ring_write,
        .begin = ring_begin,
        .turn = ring_turn,
        .part_bytes = part_bytes,
        .polled = true,
    };
    ring->sector = (struct flash_ring_sector){.magic = SECTOR_MAGIC, .index = (uint16_t)(ring->sectors - 1u)};
    if (!newest_find(ring))
        return false;
    ring->sector.sectors = (uint16_t)ring->sectors;
    ring->sector.sector_bits = ring->sector_bits;
    ring->sector.unit_bytes = ring->unit_bytes;
    ring->sector.version = FLASH_RING_VERSION;
    ring->is_new_run = false;
    ring->may_repeat = false;
    ring->part_bytes = 0;
    if (ring->sector.sequence != 0)
        part_find(ring);
    ring->used = sector_bytes(ring); /* whatever comes first begins a sector */
    return true;
}
