/* SPDX-License-Identifier: Apache-2.0
 *
 * How a log's header says that events are laid out, and the fields of an event. */
#ifndef MEMTRACE_ENGINE_LAYOUT_H
#define MEMTRACE_ENGINE_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEADER_BYTES 416u

enum layout_problem {
    LAYOUT_GOOD,
    LAYOUT_BAD,    /* no header of a log */
    LAYOUT_REFUSED /* one that needs what this reader does not know: nothing behind it can be read */
};

/* A run's layout. Each field of an event lies at a shift in its word and has a mask. */
struct layout {
    bool is_big;
    bool has_clock;
    bool has_streams;
    uint8_t width;      /* bytes of a word */
    uint8_t event_size; /* bytes */
    uint8_t heap_shift, tag_shift, stack_shift, core_shift, seq_shift, time_shift;
    uint64_t size_mask, context_mask, tag_mask, stack_mask, kind_mask, core_mask, seq_mask, time_mask;
    size_t header_bytes;  /* padded */
    uint64_t code_region; /* the upper bits of addresses of code; 0: recorded PCs are addresses */
};

/* An event with its whole number and time. */
struct event {
    uint64_t address;
    uint64_t size;
    uint64_t heap;
    uint64_t whose;    /* the third word: context, tag, stack */
    uint64_t own;      /* number in its stream */
    uint64_t seq;      /* number in the log; NO_NUMBER: a block that is older than the log */
    uint64_t time;     /* NO_NUMBER: there is no clock */
    uint64_t distance; /* of a realloc-end: from its begin, in low bits; 0: not told */
    uint64_t stream;   /* its index */
    uint32_t kind;
    uint32_t core;
};

/* Reads a header of HEADER_BYTES. */
enum layout_problem layout_read(struct layout *layout, const unsigned char *header);

static inline uint64_t layout_padded(const struct layout *layout, uint64_t bytes)
{
    return (bytes + layout->event_size - 1) / layout->event_size * layout->event_size;
}

static inline uint64_t layout_code(const struct layout *layout, uint64_t pc)
{
    return layout->code_region && pc ? (pc & 0x3fffffff) | layout->code_region : pc;
}

/* Reads an unsigned number of 1 to 8 bytes. */
static inline uint64_t layout_number(const unsigned char *bytes, unsigned count, bool is_big)
{
    uint64_t number = 0;
    unsigned at;
    for (at = 0; at < count; at++) {
        number |= (uint64_t)bytes[is_big ? count - 1 - at : at] << 8 * at;
    }
    return number;
}

#endif
