/* SPDX-License-Identifier: Apache-2.0 */
#include "layout.h"

#include "memtrace_format.h"

#include <string.h>

enum { DEFAULT_CODE_REGION = 0x40000000, LEAST_KIND_BITS = 5 };

_Static_assert(sizeof(struct memtrace_header) == HEADER_BYTES, "a header");

static uint64_t header_field(const unsigned char *header, size_t offset, unsigned count)
{
    return layout_number(header + offset, count, header[8] == MEMTRACE_BIG);
}

#define FIELD(name) \
    header_field(header, offsetof(struct memtrace_header, name), sizeof(((struct memtrace_header *)0)->name))

/* Tells whether the widths of the fields, of which each is at least one bit, leave room in their words of `bits`. */
static bool layout_fits(const unsigned char *header, unsigned bits)
{
    const uint64_t size = FIELD(size_bits), stack = FIELD(stack_bits), context = FIELD(context_bits);
    const uint64_t time = FIELD(time_bits), seq = FIELD(seq_bits), core = FIELD(core_bits);
    return size && stack && context && time && seq && core && size < bits && stack + context < bits &&
           time + seq + core + LEAST_KIND_BITS <= bits;
}

/* Looks at the header in the order of format.py, so that both say the same of it. */
static enum layout_problem header_problem(const unsigned char *header)
{
    static const unsigned char magic[8] = {MEMTRACE_MAGIC_FIRST, MEMTRACE_MAGIC_REST};
    const uint64_t pointer = FIELD(pointer_size);
    if (memcmp(header, magic, sizeof magic) != 0 || (header[8] != MEMTRACE_LITTLE && header[8] != MEMTRACE_BIG)) {
        return LAYOUT_BAD;
    }
    if (FIELD(version) != MEMTRACE_FORMAT_VERSION) {
        return LAYOUT_REFUSED;
    }
    if ((pointer != 4 && pointer != 8) || FIELD(event_size) != 4 * pointer || FIELD(header_size) < HEADER_BYTES) {
        return LAYOUT_BAD;
    }
    if (FIELD(required) & ~(uint64_t)MEMTRACE_REQUIRED_KNOWN) {
        return LAYOUT_REFUSED;
    }
    return layout_fits(header, (unsigned)(8 * pointer)) && (FIELD(flags) & MEMTRACE_FLAG_LOG) ? LAYOUT_GOOD
                                                                                              : LAYOUT_BAD;
}

static uint64_t layout_mask(uint64_t bits)
{
    return (UINT64_C(1) << bits) - 1;
}

static void layout_fields(struct layout *layout, const unsigned char *header)
{
    const uint64_t bits = 8 * FIELD(pointer_size);
    layout->heap_shift = (uint8_t)FIELD(size_bits);
    layout->tag_shift = (uint8_t)FIELD(context_bits);
    layout->stack_shift = (uint8_t)(bits - FIELD(stack_bits));
    layout->time_shift = (uint8_t)(bits - FIELD(time_bits));
    layout->seq_shift = (uint8_t)(layout->time_shift - FIELD(seq_bits));
    layout->core_shift = (uint8_t)(layout->seq_shift - FIELD(core_bits));
    layout->size_mask = layout_mask(FIELD(size_bits));
    layout->context_mask = layout_mask(FIELD(context_bits));
    layout->tag_mask = layout_mask((uint64_t)layout->stack_shift - layout->tag_shift);
    layout->stack_mask = layout_mask(FIELD(stack_bits));
    layout->kind_mask = layout_mask(layout->core_shift);
    layout->core_mask = layout_mask(FIELD(core_bits));
    layout->seq_mask = layout_mask(FIELD(seq_bits));
    layout->time_mask = layout_mask(FIELD(time_bits));
}

enum layout_problem layout_read(struct layout *layout, const unsigned char *header)
{
    const enum layout_problem problem = header_problem(header);
    uint64_t region;
    if (problem != LAYOUT_GOOD) {
        return problem;
    }
    memset(layout, 0, sizeof *layout);
    layout->is_big = header[8] == MEMTRACE_BIG;
    layout->has_clock = FIELD(tick_hz) != 0;
    layout->has_streams = (FIELD(required) & MEMTRACE_REQUIRED_STREAMS) != 0;
    layout->width = (uint8_t)FIELD(pointer_size);
    layout->event_size = (uint8_t)FIELD(event_size);
    layout_fields(layout, header);
    layout->header_bytes = (size_t)layout_padded(layout, FIELD(header_size));
    region = FIELD(code_region);
    if (FIELD(abi) == MEMTRACE_ABI_XTENSA_WINDOWED) {
        layout->code_region = region ? region : DEFAULT_CODE_REGION;
    }
    return LAYOUT_GOOD;
}
