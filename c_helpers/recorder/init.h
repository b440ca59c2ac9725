/* SPDX-License-Identifier: Apache-2.0
 *
 * What every ring of this build begins with. init.c tells the approach.
 */
#ifndef MEMTRACE_INIT_H
#define MEMTRACE_INIT_H

#include "recorder.h"

#define EVENTS_MIN 8u
#define NAMES_MAX 250u
#define MEMORY_MAX ((size_t)EVENTS_MAX * sizeof(memtrace_event)) /* what is more stays unused */

/* The start of struct memtrace_header but for the magic's first byte: an image of the program is no ring. */
struct ring_description {
    uint8_t magic[8];
    uint8_t byte_order, pointer_size, arch, abi;
    uint16_t version, header_size;
    uint8_t event_size, flags, size_bits, stack_bits, context_bits, time_bits, seq_bits, core_bits;
};

extern const struct ring_description ring_description;

#endif
