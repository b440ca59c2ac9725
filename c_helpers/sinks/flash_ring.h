/* SPDX-License-Identifier: Apache-2.0
 *
 * A log in a raw flash partition, without a file system: a ring of sectors, of which the oldest is erased for the newest.
 *
 * Approach: the log comes in parts that stand alone (memtrace_sink.h). A part begins a sector and fills as many as it needs. Each sector
 * begins with a header that says its place in the order of all; what is written follows in frames, each with its place in the
 * part and a checksum. A write counts if its frames are whole, so a power cut loses what was under way, and no word is programmed
 * twice. After a start the ring goes on in a new sector: nothing is programmed behind a torn frame, and an erase that was cut is
 * done again. A call that was whole when the power went, but had not returned, is known by its sum when it is made again.
 * Rejected: copying what is still needed out of a sector before it is erased (holds an eighth more, but the ring would have to know
 * records, and a cut in the middle of a copy); a map of what is valid in each sector's header (programs words twice, which
 * flash with error correction refuses); littlefs (it allocates, calls libc's relatives, and needs more than a poll).
 * Cost: 16 bytes a frame, 32 a sector, half a sector a part; for each part the header and the definitions again; one erase a
 * sector, in turn. RAM: this struct.
 * Assumptions: erased bytes are ff; programming turns bits from 1 to 0; one task or core writes at a time.
 *
 * Fill in the first members, open it, and give `output` to the sink. docs/how-to/log-to-flash.md has an example.
 */
#ifndef MEMTRACE_FLASH_RING_H
#define MEMTRACE_FLASH_RING_H

#include "memtrace_sink.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FLASH_RING_VERSION 1u
#define FLASH_RING_PAGE_BYTES 256u /* programmed at once, at most; no program crosses a multiple of it */
#define FLASH_RING_UNIT_MAX 32u
#define FLASH_RING_SECTOR_BITS_MIN 8u
#define FLASH_RING_SECTOR_BITS_MAX 20u
#define FLASH_RING_SECTORS_MIN 4u
#define FLASH_RING_SECTORS_MAX 65535u

/* At the start of each sector. */
struct flash_ring_sector {
    uint8_t magic[8];
    uint32_t sequence;   /* from 1 on; one more for each sector that was begun, over the life of the ring */
    uint32_t part;       /* sequence of the first sector of this part of the log */
    uint32_t run;        /* sequence of the first sector of this run: one start of the program */
    uint16_t index;      /* which sector of the partition this is */
    uint16_t sectors;    /* in the partition */
    uint8_t sector_bits; /* a sector has two to this many bytes */
    uint8_t unit_bytes;  /* frames begin at multiples of it */
    uint16_t version;    /* FLASH_RING_VERSION: and so the byte order */
    uint32_t sum;        /* checksum of the bytes before it */
};

#define FLASH_RING_GOES_ON 0x80000000u

/* Before each piece of the log. */
struct flash_ring_frame {
    uint32_t offset; /* in the part, of its first byte; all words all ones: there is no frame yet */
    uint32_t bytes;  /* that follow, then ff up to the next unit; bit 31: the next frame goes on with the same write */
    uint32_t write;  /* checksum of all that was written at once, of which these bytes are some */
    uint32_t sum;    /* checksum of the sector's sequence, the words before this one, and the bytes */
};

#ifdef __cplusplus
static_assert(sizeof(struct flash_ring_sector) == 32, "a sector's header");
#else
_Static_assert(sizeof(struct flash_ring_sector) == 32, "a sector's header");
_Static_assert(offsetof(struct flash_ring_sector, index) == 20, "a sector's header");
_Static_assert(offsetof(struct flash_ring_sector, sum) == 28, "a sector's header");
_Static_assert(sizeof(struct flash_ring_frame) == 16, "a frame's header");
#endif

struct memtrace_flash_ring {
    struct memtrace_output output; /* filled in by memtrace_flash_ring_open */

    /* The port's: offsets are from the start of the partition. They poll, call nothing of libc, and take no lock. false: it failed. */
    bool (*read)(struct memtrace_flash_ring *ring, uint32_t offset, void *bytes, size_t count);
    bool (*program)(struct memtrace_flash_ring *ring, uint32_t offset, const void *bytes, size_t count);
    bool (*erase)(struct memtrace_flash_ring *ring, uint32_t offset); /* the sector that begins there */
    uint32_t sectors;                                                 /* of the partition */
    uint8_t sector_bits;                                              /* 12: sectors of 4 KiB */
    uint8_t unit_bytes; /* what is programmed at once, at least: 1, 2, 4, 8, 16 or 32 */

    /* The ring's own. */
    struct flash_ring_sector sector;     /* the header of the one that was begun last */
    uint32_t used;                       /* bytes of that sector, those in `page` too */
    uint32_t part_bytes;                 /* of the log, written of this part */
    uint32_t last_write;                 /* checksum of the last write that was whole when the ring was opened */
    bool may_repeat;                     /* the next write may be that one again */
    bool is_new_run;                     /* the next header begins a run, not only a part of one */
    uint32_t paged;                      /* bytes in `page` that were not programmed yet */
    uint8_t page[FLASH_RING_PAGE_BYTES]; /* up to `used` */
};

/* Finds where the ring ends, and sets up the output: parts of an eighth of the ring, if output.part_bytes is 0. Nothing is erased or
 * programmed before the first write. false: the numbers above are out of their bounds, or the flash cannot be read. */
bool memtrace_flash_ring_open(struct memtrace_flash_ring *ring);

#ifdef __cplusplus
}
#endif

#endif
