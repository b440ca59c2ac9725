/* SPDX-License-Identifier: Apache-2.0 */
#include "cfi.h"

#include <stddef.h>
#include <string.h>

#include "machine.h"

#define STATES_MOST 8u /* that DW_CFA_remember_state keeps */
#define INSTRUCTIONS_MOST 4096u

/* Bytes that are read one after the other. After a read past the end `at` is NULL, and all reads give 0. */
struct bytes {
    const uint8_t *at, *end;
};

static bool take(struct bytes *bytes, size_t count)
{
    if (bytes->at == NULL || (size_t)(bytes->end - bytes->at) < count)
        bytes->at = NULL;
    return bytes->at != NULL;
}

static uint64_t fixed(struct bytes *bytes, size_t count)
{
    uint64_t value = 0;
    if (!take(bytes, count))
        return 0;
    for (size_t i = 0; i < count; i++)
        value |= (uint64_t)bytes->at[i] << (8u * (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? i : count - 1u - i));
    bytes->at += count;
    return value;
}

static uint64_t leb(struct bytes *bytes, bool is_signed)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64u; shift += 7u) {
        uint8_t byte = (uint8_t)fixed(bytes, 1);
        value |= (uint64_t)(byte & 0x7fu) << shift;
        if ((byte & 0x80u) == 0) {
            if (is_signed && (byte & 0x40u) != 0 && shift < 57u)
                value |= ~(uint64_t)0 << (shift + 7u);
            break;
        }
    }
    return value;
}

static uint64_t uleb(struct bytes *bytes)
{
    return leb(bytes, false);
}

static int64_t sleb(struct bytes *bytes)
{
    return (int64_t)leb(bytes, true);
}

/* Encodings of pointers, DW_EH_PE_. */
enum { ENCODED_OMITTED = 0xff, ENCODED_PCREL = 0x10, ENCODED_TABLE = 0x3b, ENCODED_COUNT = 0x03 };

static uintptr_t encoded(struct bytes *bytes, uint8_t encoding)
{
    static const uint8_t widths[16] = {sizeof(uintptr_t), 0, 2, 4, 8, 0, 0, 0, sizeof(uintptr_t), 0, 2, 4, 8};
    const uint8_t *place = bytes->at;
    uint8_t width = widths[encoding & 0x0fu];
    if (width == 0)
        return (uintptr_t)((encoding & 0x0fu) == 9 ? (uint64_t)sleb(bytes) : uleb(bytes));
    uint64_t value = fixed(bytes, width);
    if ((encoding & 8u) != 0 && width < 8u && value >> (8u * width - 1u) != 0)
        value |= ~(uint64_t)0 << (8u * width);
    return (uintptr_t)value + ((encoding & 0x70u) == ENCODED_PCREL ? (uintptr_t)place : 0);
}

/* What the common part of several functions says. */
struct common {
    uint64_t code_align;
    int64_t data_align;
    uint64_t ra;
    uint8_t encoding;
    bool augmented;
    struct bytes program;
};

/* The bytes of an entry behind its length; at NULL: there is none. */
static struct bytes entry_at(const struct module *module, uintptr_t address)
{
    struct bytes entry = {(const uint8_t *)address, (const uint8_t *)module->high};
    if (address < module->low || address >= module->high)
        entry.at = NULL;
    uint64_t length = fixed(&entry, 4);
    if (length == 0xffffffffu || length == 0 || !take(&entry, (size_t)length))
        return (struct bytes){NULL, NULL};
    entry.end = entry.at + length;
    return entry;
}

static bool common_read(const struct module *module, uintptr_t address, struct common *common)
{
    struct bytes cie = entry_at(module, address);
    if (fixed(&cie, 4) != 0)
        return false;
    uint8_t version = (uint8_t)fixed(&cie, 1);
    const char *augmentation = (const char *)cie.at;
    while (fixed(&cie, 1) != 0) {
    }
    if (cie.at == NULL)
        return false;
    *common = (struct common){.code_align = uleb(&cie), .data_align = sleb(&cie), .augmented = augmentation[0] == 'z'};
    common->ra = version == 1 ? fixed(&cie, 1) : uleb(&cie);
    if (common->augmented) {
        uint64_t length = uleb(&cie);
        if (!take(&cie, (size_t)length))
            return false;
        struct bytes data = {cie.at, cie.at + length};
        for (const char *letter = augmentation + 1; *letter != 0; letter++) {
            if (*letter == 'R')
                common->encoding = (uint8_t)fixed(&data, 1);
            else if (*letter == 'L')
                (void)fixed(&data, 1);
            else if (*letter == 'P')
                (void)encoded(&data, (uint8_t)fixed(&data, 1));
        }
        cie.at += length;
    }
    common->program = cie;
    return cie.at != NULL;
}

/* --- the program of a function --- */

enum register_how { REGISTER_SAME, REGISTER_AT_CFA, REGISTER_AT_FP, REGISTER_UNDEFINED, REGISTER_UNKNOWN };

struct where {
    enum register_how how;
    int64_t offset;
};

struct state {
    enum cfa_how cfa_how;
    uint64_t cfa_register;
    int64_t cfa_offset;
    struct where fp, ra;
};

struct machine {
    struct state now, initial, kept[STATES_MOST];
    unsigned kept_count;
    const struct common *common;
};

static void place_set(struct machine *machine, uint64_t number, enum register_how how, int64_t offset)
{
    if (number == DWARF_FP)
        machine->now.fp = (struct where){how, offset};
    else if (number == machine->common->ra)
        machine->now.ra = (struct where){how, offset};
}

static void place_restore(struct machine *machine, uint64_t number)
{
    if (number == DWARF_FP)
        machine->now.fp = machine->initial.fp;
    else if (number == machine->common->ra)
        machine->now.ra = machine->initial.ra;
}

static void cfa_set(struct machine *machine, uint64_t number, int64_t offset)
{
    machine->now.cfa_register = number;
    machine->now.cfa_offset = offset;
    machine->now.cfa_how = number == DWARF_SP ? CFA_SP : number == DWARF_FP ? CFA_FP : CFA_UNKNOWN;
}

enum { OP_DEREF = 0x06, OP_BREG0 = 0x70 };

/* The expression fp + n, with or without a load from there. */
static bool expression_is_fp(struct bytes *bytes, bool loads, int64_t *offset)
{
    uint64_t length = uleb(bytes);
    if (!take(bytes, (size_t)length))
        return false;
    struct bytes expression = {bytes->at, bytes->at + length};
    bytes->at += length;
    if (fixed(&expression, 1) != OP_BREG0 + DWARF_FP)
        return false;
    *offset = sleb(&expression);
    if (loads && fixed(&expression, 1) != OP_DEREF)
        return false;
    return expression.at == expression.end;
}

/* Instructions, DW_CFA_. */
enum {
    SET_LOC = 0x01,
    ADVANCE_1 = 0x02,
    ADVANCE_2 = 0x03,
    ADVANCE_4 = 0x04,
    OFFSET_EXTENDED = 0x05,
    RESTORE_EXTENDED = 0x06,
    UNDEFINED = 0x07,
    SAME_VALUE = 0x08,
    IN_REGISTER = 0x09,
    REMEMBER = 0x0a,
    RESTORE_STATE = 0x0b,
    DEF_CFA = 0x0c,
    DEF_CFA_REGISTER = 0x0d,
    DEF_CFA_OFFSET = 0x0e,
    DEF_CFA_EXPRESSION = 0x0f,
    EXPRESSION = 0x10,
    OFFSET_EXTENDED_SF = 0x11,
    DEF_CFA_SF = 0x12,
    DEF_CFA_OFFSET_SF = 0x13,
    VAL_OFFSET = 0x14,
    VAL_OFFSET_SF = 0x15,
    VAL_EXPRESSION = 0x16,
    NEGATE_RA_STATE = 0x2d,
    ARGS_SIZE = 0x2e
};

static void expression_set(struct machine *machine, struct bytes *bytes, bool of_place)
{
    uint64_t number = uleb(bytes);
    int64_t offset = 0;
    bool is_fp = expression_is_fp(bytes, false, &offset) && of_place;
    place_set(machine, number, is_fp ? REGISTER_AT_FP : REGISTER_UNKNOWN, offset);
}

static void cfa_expression_set(struct machine *machine, struct bytes *bytes)
{
    int64_t offset = 0;
    bool is_fp = expression_is_fp(bytes, true, &offset);
    cfa_set(machine, is_fp ? DWARF_FP : (uint64_t)-1, offset);
    machine->now.cfa_how = is_fp ? CFA_AT_FP : CFA_UNKNOWN;
}

/* An instruction that says where a register is, or what the CFA is. False: it is not known. */
static bool rule_execute(struct machine *machine, struct bytes *bytes, uint8_t code)
{
    int64_t align = machine->common->data_align;
    uint64_t number;
    switch (code) {
    case OFFSET_EXTENDED:
        number = uleb(bytes);
        place_set(machine, number, REGISTER_AT_CFA, (int64_t)uleb(bytes) * align);
        return true;
    case OFFSET_EXTENDED_SF:
        number = uleb(bytes);
        place_set(machine, number, REGISTER_AT_CFA, sleb(bytes) * align);
        return true;
    case RESTORE_EXTENDED:
        place_restore(machine, uleb(bytes));
        return true;
    case UNDEFINED:
        place_set(machine, uleb(bytes), REGISTER_UNDEFINED, 0);
        return true;
    case SAME_VALUE:
        place_set(machine, uleb(bytes), REGISTER_SAME, 0);
        return true;
    case IN_REGISTER:
    case VAL_OFFSET:
    case VAL_OFFSET_SF:
        place_set(machine, uleb(bytes), REGISTER_UNKNOWN, 0);
        (void)uleb(bytes);
        return true;
    case EXPRESSION:
    case VAL_EXPRESSION:
        expression_set(machine, bytes, code == EXPRESSION);
        return true;
    default:
        return false;
    }
}

static bool cfa_execute(struct machine *machine, struct bytes *bytes, uint8_t code)
{
    int64_t align = machine->common->data_align;
    uint64_t number;
    switch (code) {
    case DEF_CFA:
        number = uleb(bytes);
        cfa_set(machine, number, (int64_t)uleb(bytes));
        return true;
    case DEF_CFA_SF:
        number = uleb(bytes);
        cfa_set(machine, number, sleb(bytes) * align);
        return true;
    case DEF_CFA_REGISTER:
        cfa_set(machine, uleb(bytes), machine->now.cfa_offset);
        return true;
    case DEF_CFA_OFFSET:
        cfa_set(machine, machine->now.cfa_register, (int64_t)uleb(bytes));
        return true;
    case DEF_CFA_OFFSET_SF:
        cfa_set(machine, machine->now.cfa_register, sleb(bytes) * align);
        return true;
    case DEF_CFA_EXPRESSION:
        cfa_expression_set(machine, bytes);
        return true;
    default:
        return false;
    }
}

static bool state_execute(struct machine *machine, uint8_t code, struct bytes *bytes)
{
    switch (code) {
    case 0:
    case NEGATE_RA_STATE:
        return true;
    case ARGS_SIZE:
        (void)uleb(bytes);
        return true;
    case REMEMBER:
        if (machine->kept_count == STATES_MOST)
            return false;
        machine->kept[machine->kept_count++] = machine->now;
        return true;
    case RESTORE_STATE:
        if (machine->kept_count == 0)
            return false;
        machine->now = machine->kept[--machine->kept_count];
        return true;
    default:
        return false;
    }
}

/* How far an instruction moves the place of which the rules are told; -1: it is another instruction. */
static int64_t advance_of(struct bytes *bytes, uint8_t code)
{
    if (code >> 6 == 1)
        return code & 0x3f;
    if (code == ADVANCE_1)
        return (int64_t)fixed(bytes, 1);
    if (code == ADVANCE_2)
        return (int64_t)fixed(bytes, 2);
    return code == ADVANCE_4 ? (int64_t)fixed(bytes, 4) : -1;
}

/* Runs a program up to the place `target`, `from` on. False: it has something that is not understood. */
static bool program_run(struct machine *machine, struct bytes bytes, uintptr_t from, uintptr_t target)
{
    for (unsigned i = 0; bytes.at != NULL && bytes.at < bytes.end && i < INSTRUCTIONS_MOST; i++) {
        uint8_t code = (uint8_t)fixed(&bytes, 1);
        int64_t advance = advance_of(&bytes, code);
        if (advance >= 0) {
            from += (uintptr_t)advance * (uintptr_t)machine->common->code_align;
            if (from > target)
                return true;
        } else if (code >> 6 == 2) {
            place_set(machine, code & 0x3fu, REGISTER_AT_CFA, (int64_t)uleb(&bytes) * machine->common->data_align);
        } else if (code >> 6 == 3) {
            place_restore(machine, code & 0x3fu);
        } else if (code == SET_LOC) {
            from = encoded(&bytes, machine->common->encoding);
            if (from > target)
                return true;
        } else if (!rule_execute(machine, &bytes, code) && !cfa_execute(machine, &bytes, code) &&
                   !state_execute(machine, code, &bytes)) {
            return false;
        }
    }
    return bytes.at != NULL;
}

/* --- the table --- */

/* The address of the description of the function that may hold `pc`; 0: there is none. */
static uintptr_t entry_search(const struct module *module, uintptr_t pc)
{
    struct bytes header = {(const uint8_t *)module->unwind, (const uint8_t *)module->high};
    uint8_t version = (uint8_t)fixed(&header, 1), frame = (uint8_t)fixed(&header, 1);
    uint8_t count_encoding = (uint8_t)fixed(&header, 1), table_encoding = (uint8_t)fixed(&header, 1);
    if (version != 1 || count_encoding != ENCODED_COUNT || table_encoding != ENCODED_TABLE)
        return 0;
    (void)encoded(&header, frame);
    size_t count = (size_t)fixed(&header, 4);
    if (count == 0 || count > SIZE_MAX / 8u || !take(&header, 8u * count))
        return 0;
    const int32_t *table = (const int32_t *)(const void *)header.at;
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2u;
        if (module->unwind + (uintptr_t)(intptr_t)table[2u * middle] <= pc)
            low = middle + 1u;
        else
            high = middle;
    }
    return low == 0 ? 0 : module->unwind + (uintptr_t)(intptr_t)table[2u * low - 1u];
}

static bool fits(int64_t offset, int64_t most)
{
    return offset > -most && offset < most;
}

static struct rule rule_of(const struct state *state, uintptr_t pc)
{
    struct rule rule = {.pc = pc, .cfa_how = state->ra.how == REGISTER_UNDEFINED ? CFA_END : CFA_UNKNOWN};
    bool known =
        (state->ra.how == REGISTER_AT_CFA || state->ra.how == REGISTER_SAME) && state->fp.how != REGISTER_UNKNOWN;
    if (!known || !fits(state->cfa_offset, CFA_BIAS) || !fits(state->ra.offset, INT16_MAX) ||
        !fits(state->fp.offset, INT16_MAX))
        return rule;
    rule.cfa_how = (uint32_t)state->cfa_how & 7u;
    rule.cfa = ((uint32_t)state->cfa_offset + CFA_BIAS) & 0xffffffu;
    rule.ra = state->ra.how == REGISTER_SAME ? RA_IN_REGISTER : (int16_t)state->ra.offset;
    rule.fp = (int16_t)state->fp.offset;
    rule.fp_how = state->fp.how == REGISTER_AT_CFA ? FP_AT_CFA : state->fp.how == REGISTER_AT_FP ? FP_AT_FP : FP_SAME;
    return rule;
}

struct rule cfi_rule(const struct module *module, uintptr_t pc, bool exact)
{
    struct rule unknown = {.pc = pc, .cfa_how = CFA_UNKNOWN};
    uintptr_t target = exact ? pc : pc - 1u;
    uintptr_t entry = module->unwind == 0 ? 0 : entry_search(module, target);
    struct bytes fde = entry_at(module, entry);
    uintptr_t place = (uintptr_t)fde.at;
    uint64_t back = fixed(&fde, 4);
    struct common common;
    if (fde.at == NULL || back == 0 || !common_read(module, place - (uintptr_t)back, &common))
        return unknown;
    uintptr_t start = encoded(&fde, common.encoding);
    uintptr_t length = encoded(&fde, common.encoding & 0x0fu);
    if (target < start || target - start >= length)
        return unknown;
    if (common.augmented) {
        uint64_t augmentation = uleb(&fde);
        if (!take(&fde, (size_t)augmentation))
            return unknown;
        fde.at += augmentation;
    }
    struct machine machine = {.common = &common, .now = {.ra = {REGISTER_SAME, 0}}};
    if (RA_AT_CFA != 0)
        machine.now.ra = (struct where){REGISTER_AT_CFA, RA_AT_CFA};
    if (!program_run(&machine, common.program, start, UINTPTR_MAX))
        return unknown;
    machine.initial = machine.now;
    if (!program_run(&machine, fde, start, target))
        return unknown;
    return rule_of(&machine.now, pc);
}
