/* SPDX-License-Identifier: Apache-2.0
 *
 * Just enough of RV32I's encoding for the program buffer.
 */
#ifndef DECODE_H
#define DECODE_H

#include <stdint.h>

enum opcode {
    OP_LOAD = 0x03,
    OP_FENCE = 0x0f,
    OP_IMMEDIATE = 0x13,
    OP_STORE = 0x23,
    OP_ATOMIC = 0x2f,
    OP_SYSTEM = 0x73
};

static inline uint32_t bits(uint32_t word, unsigned low, unsigned count)
{
    return word >> low & ((1u << count) - 1);
}

/* The signed immediates of I and S instructions. */
static inline uint32_t immediate_i(uint32_t word)
{
    return (uint32_t)((int32_t)word >> 20);
}

static inline uint32_t immediate_s(uint32_t word)
{
    return ((uint32_t)((int32_t)word >> 20) & ~31u) | bits(word, 7, 5);
}

#endif
