/* SPDX-License-Identifier: Apache-2.0 */
#include "hart.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "counts.h"

enum block_state { BLOCK_UNKNOWN, BLOCK_READ, BLOCK_WRITTEN };

#define EBREAK 0x00100073u
#define EBREAK_COMPRESSED 0x9002u
#define MISA_RV32IMAC 0x40001105u /* no F: the chips that this stands for have none */

enum {
    STOP_MILLISECONDS = 60000,
    DCSR_KEPT = 0xb004, /* ebreakm, ebreaks, ebreaku, step */
    DCSR_STEP = 1 << 2,
    DCSR_FIXED = 4 << 28 | 3, /* version 0.13, machine mode */
    CSR_MISA = 0x301,
    CSR_MSTATUS = 0x300,
    CSR_TRIGGER = 0x7a0,
    CSR_DCSR = 0x7b0,
    CSR_DPC = 0x7b1,
    CSR_SCRATCH = 0x7b2,
};

/* ---- hexadecimal ---- */

static unsigned digit(char text)
{
    return (unsigned)(text <= '9' ? text - '0' : (text | 0x20) - 'a' + 10);
}

static void from_hex(const char *text, uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bytes[i] = (uint8_t)(digit(text[2 * i]) << 4 | digit(text[2 * i + 1]));
    }
}

static uint32_t word_from_hex(const char *text)
{
    uint8_t bytes[4];
    from_hex(text, bytes, 4);
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static void to_hex(const uint8_t *bytes, size_t count, char *text)
{
    for (size_t i = 0; i < count; i++) {
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    }
}

/* ---- memory ---- */

static bool in_ram(const struct hart *hart, uint32_t address, unsigned size)
{
    uint32_t offset = address - hart->ram_base;
    return offset < hart->ram_bytes && hart->ram_bytes - offset >= size;
}

static bool block_fetch(struct hart *hart, uint32_t block)
{
    uint32_t offset = block * HART_BLOCK;
    const char *reply = rsp_ask(&hart->rsp, "m%x,%x", hart->ram_base + offset, HART_BLOCK);
    count_add(COUNT_FETCHED, HART_BLOCK);
    if (strlen(reply) != 2 * HART_BLOCK) {
        return false;
    }
    from_hex(reply, hart->ram + offset, HART_BLOCK);
    hart->block_state[block] = BLOCK_READ;
    return true;
}

/* The bytes of an access, fetched if need be; NULL: there is nothing. */
static uint8_t *bytes_at(struct hart *hart, uint32_t address, unsigned size)
{
    if (!in_ram(hart, address, size) || address % size != 0) {
        return NULL;
    }
    uint32_t offset = address - hart->ram_base;
    uint32_t block = offset / HART_BLOCK;
    bool known = hart->block_state[block] != BLOCK_UNKNOWN || block_fetch(hart, block);
    return known ? hart->ram + offset : NULL;
}

bool hart_memory_read(struct hart *hart, uint32_t address, unsigned size, uint32_t *value)
{
    const uint8_t *bytes = bytes_at(hart, address, size);
    if (bytes == NULL) {
        return false;
    }
    *value = 0;
    memcpy(value, bytes, size); /* both are little-endian */
    return true;
}

static bool is_ebreak(struct hart *hart, uint32_t address)
{
    uint32_t low = 0;
    uint32_t high = 0;
    if (!hart_memory_read(hart, address, 2, &low)) {
        return false;
    }
    return low == EBREAK_COMPRESSED ||
           (low == (EBREAK & 0xffff) && hart_memory_read(hart, address + 2, 2, &high) && high == EBREAK >> 16);
}

static unsigned planted_index(const struct hart *hart, uint32_t address)
{
    unsigned index = 0;
    while (index < hart->planted_count && hart->planted[index] != address) {
        index++;
    }
    return index;
}

/* Gives the emulator a breakpoint where an ebreak came to stand, takes it back where one went. */
static void plant(struct hart *hart, uint32_t address)
{
    unsigned index = planted_index(hart, address);
    bool had = index < hart->planted_count;
    bool has = is_ebreak(hart, address);
    if (has && !had && hart->planted_count < HART_PLANTED) {
        hart->planted[hart->planted_count++] = address;
        rsp_ask(&hart->rsp, "Z0,%x,2", address);
    } else if (had && !has) {
        hart->planted[index] = hart->planted[--hart->planted_count];
        rsp_ask(&hart->rsp, "z0,%x,2", address);
    }
}

bool hart_memory_write(struct hart *hart, uint32_t address, unsigned size, uint32_t value)
{
    uint8_t *bytes = bytes_at(hart, address, size);
    if (bytes == NULL) {
        return false;
    }
    memcpy(bytes, &value, size);
    hart->block_state[(address - hart->ram_base) / HART_BLOCK] = BLOCK_WRITTEN;
    for (uint32_t at = (address & ~1u) - 2; at != ((address + size + 1) & ~1u); at += 2) {
        plant(hart, at);
    }
    return true;
}

static void block_send(struct hart *hart, uint32_t block)
{
    char text[2 * HART_SEND + 1];
    for (uint32_t offset = block * HART_BLOCK; offset < (block + 1) * HART_BLOCK; offset += HART_SEND) {
        to_hex(hart->ram + offset, HART_SEND, text);
        rsp_ask(&hart->rsp, "M%x,%x:%s", hart->ram_base + offset, HART_SEND, text);
    }
}

/* Nothing that is known stays true when the hart runs: what was written goes out, all is forgotten. */
static void memory_let_go(struct hart *hart)
{
    for (uint32_t block = 0; block < hart->ram_bytes / HART_BLOCK; block++) {
        if (hart->block_state[block] == BLOCK_WRITTEN) {
            block_send(hart, block);
        }
        hart->block_state[block] = BLOCK_UNKNOWN;
    }
}

/* ---- registers ---- */

static bool registers_fetch(struct hart *hart)
{
    if (hart->registers_known) {
        return true;
    }
    const char *reply = rsp_ask(&hart->rsp, "g");
    if (strlen(reply) < 8 * HART_REGISTERS) {
        return false;
    }
    for (unsigned i = 0; i < HART_REGISTERS; i++) {
        hart->registers[i] = word_from_hex(reply + 8 * i);
    }
    hart->registers_known = true;
    return true;
}

bool hart_register_read(struct hart *hart, unsigned number, uint32_t *value)
{
    bool done = number < HART_REGISTERS && registers_fetch(hart);
    *value = done ? hart->registers[number] : 0;
    return done;
}

bool hart_register_write(struct hart *hart, unsigned number, uint32_t value)
{
    if (number >= HART_REGISTERS || !registers_fetch(hart)) {
        return false;
    }
    if (number != 0 && hart->registers[number] != value) {
        hart->registers[number] = value;
        hart->registers_written |= UINT64_C(1) << number;
    }
    return true;
}

static void word_to_hex(uint32_t value, char text[9])
{
    uint8_t bytes[4];
    memcpy(bytes, &value, 4);
    to_hex(bytes, 4, text);
}

static void registers_let_go(struct hart *hart)
{
    char text[9];
    for (unsigned i = 1; i < HART_REGISTERS; i++) {
        if ((hart->registers_written >> i & 1) != 0) {
            word_to_hex(hart->registers[i], text);
            rsp_ask(&hart->rsp, "P%x=%s", i, text);
        }
    }
    hart->registers_written = 0;
    hart->registers_known = false;
}

/* The stub numbers its CSRs in a row; its description of mstatus says where the row begins. */
static uint32_t csr_base(struct rsp *rsp)
{
    for (unsigned offset = 0; offset < 1u << 20; offset += 2000) {
        const char *reply = rsp_ask(rsp, "qXfer:features:read:riscv-csr.xml:%x,%x", offset, 2100);
        const char *found = strstr(reply, "\"mstatus\"");
        const char *number = found == NULL ? NULL : strstr(found, "regnum=\"");
        if (number != NULL) {
            return (uint32_t)strtoul(number + strlen("regnum=\""), NULL, 10) - CSR_MSTATUS;
        }
        if (reply[0] != 'm') {
            break;
        }
    }
    return 0;
}

static bool csr_ask(struct hart *hart, unsigned number, uint32_t *value)
{
    const char *reply = hart->csr_base == 0 ? "" : rsp_ask(&hart->rsp, "p%x", hart->csr_base + number);
    bool done = strlen(reply) == 8;
    *value = done ? word_from_hex(reply) : 0;
    return done;
}

bool hart_csr_read(struct hart *hart, unsigned number, uint32_t *value)
{
    switch (number) {
    case CSR_MISA:
        *value = MISA_RV32IMAC;
        return true;
    case CSR_DCSR:
        *value = DCSR_FIXED | hart->dcsr | (uint32_t)hart->cause << 6;
        return true;
    case CSR_DPC:
        return hart_register_read(hart, HART_PC, value);
    case CSR_SCRATCH:
    case CSR_SCRATCH + 1:
        *value = hart->scratch[number - CSR_SCRATCH];
        return true;
    default:
        if ((number & ~0xfu) == CSR_TRIGGER) {
            return trigger_csr_read(&hart->triggers, number, value);
        }
        return csr_ask(hart, number, value);
    }
}

bool hart_csr_write(struct hart *hart, unsigned number, uint32_t value)
{
    char text[9];
    switch (number) {
    case CSR_DCSR:
        hart->dcsr = value & DCSR_KEPT;
        return true;
    case CSR_DPC:
        return hart_register_write(hart, HART_PC, value);
    case CSR_SCRATCH:
    case CSR_SCRATCH + 1:
        hart->scratch[number - CSR_SCRATCH] = value;
        return true;
    default:
        if ((number & ~0xfu) == CSR_TRIGGER) {
            return trigger_csr_write(&hart->triggers, number, value);
        }
        word_to_hex(value, text);
        return hart->csr_base != 0 && strcmp(rsp_ask(&hart->rsp, "P%x=%s", hart->csr_base + number, text), "OK") == 0;
    }
}

/* ---- running ---- */

static enum hart_cause cause_at(const struct hart *hart, uint32_t pc, enum hart_cause otherwise)
{
    if (trigger_at(&hart->triggers, pc)) {
        return CAUSE_TRIGGER;
    }
    return planted_index(hart, pc) < hart->planted_count ? CAUSE_EBREAK : otherwise;
}

static void stopped(struct hart *hart, enum hart_cause cause)
{
    uint32_t pc = 0;
    hart->running = false;
    hart->cause = cause;
    if (strstr(hart->rsp.reply, "watch:") != NULL) {
        hart->cause = CAUSE_TRIGGER; /* before the access, as on a chip */
    } else if (cause != CAUSE_STEP && hart_register_read(hart, HART_PC, &pc)) {
        hart->cause = cause_at(hart, pc, cause);
    }
}

void hart_resume(struct hart *hart)
{
    if (hart->running) {
        return;
    }
    registers_let_go(hart);
    memory_let_go(hart);
    trigger_arm(&hart->triggers, &hart->rsp);
    hart->running = true;
    if ((hart->dcsr & DCSR_STEP) == 0) {
        rsp_send(&hart->rsp, "c");
    } else {
        rsp_ask(&hart->rsp, "s");
        stopped(hart, CAUSE_STEP);
    }
}

void hart_poll(struct hart *hart)
{
    if (hart->running && rsp_receive(&hart->rsp, 0)) {
        stopped(hart, CAUSE_HALTREQ);
    }
}

void hart_halt(struct hart *hart)
{
    if (!hart->running) {
        return;
    }
    rsp_interrupt(&hart->rsp);
    if (rsp_receive(&hart->rsp, STOP_MILLISECONDS)) {
        stopped(hart, CAUSE_HALTREQ);
    }
}

/* The emulator's own monitor resets it; "system_reset" in hexadecimal. Its answer may be several packets, the last OK. */
void hart_reset(struct hart *hart)
{
    hart_halt(hart);
    memory_let_go(hart);
    hart->registers_written = 0;
    hart->registers_known = false;
    const char *reply = rsp_ask(&hart->rsp, "qRcmd,73797374656d5f7265736574");
    while (reply[0] == 'O' && reply[1] != 'K' && rsp_receive(&hart->rsp, STOP_MILLISECONDS)) {
        reply = hart->rsp.reply;
    }
    hart->was_reset = true;
    hart->cause = CAUSE_HALTREQ;
}

bool hart_open(struct hart *hart, const char *path, uint32_t ram_base, uint32_t ram_bytes)
{
    hart->ram_base = ram_base;
    hart->ram_bytes = ram_bytes / HART_BLOCK * HART_BLOCK;
    hart->ram = calloc(hart->ram_bytes, 1);
    hart->block_state = calloc(hart->ram_bytes / HART_BLOCK, 1);
    hart->cause = CAUSE_HALTREQ;
    if (hart->ram == NULL || hart->block_state == NULL || !rsp_connect(&hart->rsp, path)) {
        return false;
    }
    rsp_ask(&hart->rsp, "qSupported");
    bool answers = rsp_ask(&hart->rsp, "?")[0] == 'T';
    rsp_ask(&hart->rsp, "qXfer:features:read:target.xml:0,800");
    hart->csr_base = csr_base(&hart->rsp);
    return answers;
}
