/* SPDX-License-Identifier: Apache-2.0 */
#include "progbuf.h"

#include "counts.h"
#include "decode.h"

#define EBREAK 0x00100073u

enum { FUNCTION_UNSIGNED = 4, CSR_IMMEDIATE = 4, CSR_WRITE = 1, CSR_SET = 2, CSR_CLEAR = 3 };

static uint32_t source(struct hart *hart, uint32_t word)
{
    uint32_t value = 0;
    hart_register_read(hart, bits(word, 15, 5), &value);
    return value;
}

static uint32_t sign_extended(uint32_t value, unsigned size)
{
    unsigned unused = 32 - 8 * size;
    return (uint32_t)((int32_t)(value << unused) >> unused);
}

static bool run_load(struct hart *hart, uint32_t word)
{
    uint32_t function = bits(word, 12, 3);
    unsigned size = 1u << (function & 3);
    uint32_t value = 0;
    if (size > 4 || !hart_memory_read(hart, source(hart, word) + immediate_i(word), size, &value)) {
        return false;
    }
    count_add(COUNT_PROGBUF_READS, 1);
    value = (function & FUNCTION_UNSIGNED) != 0 ? value : sign_extended(value, size);
    return hart_register_write(hart, bits(word, 7, 5), value);
}

static bool run_store(struct hart *hart, uint32_t word)
{
    unsigned size = 1u << bits(word, 12, 3);
    uint32_t value = 0;
    hart_register_read(hart, bits(word, 20, 5), &value);
    return size <= 4 && hart_memory_write(hart, source(hart, word) + immediate_s(word), size, value);
}

static uint32_t csr_changed(uint32_t kind, uint32_t old, uint32_t operand)
{
    switch (kind) {
    case CSR_WRITE:
        return operand;
    case CSR_SET:
        return old | operand;
    default:
        return old & ~operand;
    }
}

static bool run_csr(struct hart *hart, uint32_t word)
{
    uint32_t function = bits(word, 12, 3);
    uint32_t number = word >> 20;
    uint32_t kind = function & 3;
    bool writes = kind == CSR_WRITE || bits(word, 15, 5) != 0;
    uint32_t operand = (function & CSR_IMMEDIATE) != 0 ? bits(word, 15, 5) : source(hart, word);
    uint32_t old = 0;
    if (kind == 0 || !hart_csr_read(hart, number, &old)) {
        return false;
    }
    bool written = !writes || hart_csr_write(hart, number, csr_changed(kind, old, operand));
    return written && hart_register_write(hart, bits(word, 7, 5), old);
}

static bool run_immediate(struct hart *hart, uint32_t word)
{
    bool is_addi = bits(word, 12, 3) == 0;
    return is_addi && hart_register_write(hart, bits(word, 7, 5), source(hart, word) + immediate_i(word));
}

static bool run_one(struct hart *hart, uint32_t word)
{
    switch (bits(word, 0, 7)) {
    case OP_LOAD:
        return run_load(hart, word);
    case OP_STORE:
        return run_store(hart, word);
    case OP_IMMEDIATE:
        return run_immediate(hart, word);
    case OP_FENCE:
        return true;
    case OP_SYSTEM:
        return run_csr(hart, word);
    default:
        return false;
    }
}

bool progbuf_run(struct hart *hart, const uint32_t *program, unsigned length)
{
    for (unsigned i = 0; i < length && program[i] != EBREAK; i++) {
        if (!run_one(hart, program[i])) {
            return false;
        }
    }
    return true;
}
