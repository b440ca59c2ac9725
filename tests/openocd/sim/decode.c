/* SPDX-License-Identifier: Apache-2.0 */
#include "decode.h"

static bool decode_full(uint32_t word, const uint32_t *registers, uint32_t *address)
{
    uint32_t base = registers[bits(word, 15, 5)];
    switch (bits(word, 0, 7)) {
    case OP_LOAD:
        *address = base + immediate_i(word);
        return true;
    case OP_STORE:
        *address = base + immediate_s(word);
        return true;
    case OP_ATOMIC:
        *address = base;
        return true;
    default:
        return false;
    }
}

/* c.lw, c.sw, c.lwsp, c.swsp. */
static bool decode_compressed(uint32_t word, const uint32_t *registers, uint32_t *address)
{
    uint32_t kind = bits(word, 0, 2) << 3 | bits(word, 13, 3);
    switch (kind) {
    case 002:
    case 006:
        *address =
            registers[8 + bits(word, 7, 3)] + (bits(word, 10, 3) << 3 | bits(word, 6, 1) << 2 | bits(word, 5, 1) << 6);
        return true;
    case 022:
        *address = registers[2] + (bits(word, 12, 1) << 5 | bits(word, 4, 3) << 2 | bits(word, 2, 2) << 6);
        return true;
    case 026:
        *address = registers[2] + (bits(word, 9, 4) << 2 | bits(word, 7, 2) << 6);
        return true;
    default:
        return false;
    }
}

bool decode_access(uint32_t word, unsigned length, const uint32_t *registers, uint32_t *address)
{
    if (length == 4) {
        return bits(word, 0, 2) == 3 && decode_full(word, registers, address);
    }
    return bits(word, 0, 2) != 3 && decode_compressed(word, registers, address);
}
