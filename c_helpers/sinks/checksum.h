/* SPDX-License-Identifier: Apache-2.0
 *
 * CRC-32 as zlib, PNG and Ethernet have it, half a byte at a time: a table of 64 bytes, some eight instructions a half.
 * Rejected: a table of 1 KiB (RAM or flash that a small chip has better uses for); CRC-16 (of 65,536 broken frames one is believed).
 */
#ifndef MEMTRACE_CHECKSUM_H
#define MEMTRACE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* The sum of what `sum` is of, 0 of nothing, and these bytes behind it. */
uint32_t checksum_add(uint32_t sum, const void *bytes, size_t count);

#endif
