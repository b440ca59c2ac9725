/* SPDX-License-Identifier: Apache-2.0
 *
 * A NOR flash whose power goes at any byte of any operation. Programming turns ones to zeros, a unit once between two erases; an
 * erase is of a sector. What breaks these rules is counted, never done.
 */
#ifndef NOR_H
#define NOR_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NOR_BYTES_MAX (1u << 20)
#define NOR_PAGE_BYTES 256u

/* In which order the bytes of a sector are erased. */
enum nor_order { NOR_FORWARDS, NOR_BACKWARDS, NOR_ANYHOW };

struct nor {
    uint8_t bytes[NOR_BYTES_MAX];
    uint32_t size;
    uint32_t sector_bytes;
    uint32_t unit_bytes;
    uint32_t operations;   /* programs and erases so far */
    uint32_t last_bytes;   /* of the one that was the last */
    uint32_t cut_at;       /* the operation that the power goes in; 0: it stays */
    uint32_t cut_byte;     /* of that operation: it is done in part, those before it wholly */
    enum nor_order erases; /* in this order */
    uint32_t wrong;        /* operations that no flash can do, or that one with error correction refuses */
    jmp_buf power;         /* where the program ends that had it */
};

/* As the chip comes: erased. */
void nor_make(struct nor *nor, uint32_t size, uint32_t sector_bytes, uint32_t unit_bytes);
bool nor_read(const struct nor *nor, uint32_t offset, void *bytes, size_t count);
bool nor_program(struct nor *nor, uint32_t offset, const void *bytes, size_t count);
bool nor_erase(struct nor *nor, uint32_t offset);

#endif
