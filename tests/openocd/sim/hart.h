/* SPDX-License-Identifier: Apache-2.0
 *
 * The core that is debugged: an emulator behind its gdb stub, seen as a hart in Debug Mode sees itself.
 *
 * While it is halted, its memory is kept in blocks and its registers in a table: what is read twice is asked for once,
 * and what is written goes out before the hart runs. Everything is dropped when it runs. Memory outside of the RAM that
 * the command line names does not exist: a bus error, as on a chip.
 *
 * One thing an emulator does that a chip does not is mended here: its ebreak traps to the guest, so one that the debugger
 * writes becomes a breakpoint of the emulator.
 */
#ifndef HART_H
#define HART_H

#include <stdbool.h>
#include <stdint.h>

#include "rsp.h"
#include "trigger.h"

enum {
    HART_REGISTERS = 33, /* x0..x31, pc */
    HART_PC = 32,
    HART_BLOCK = 2048, /* bytes of memory asked for at once: the longest reply of QEMU's stub */
    HART_SEND = 1024,  /* bytes of memory sent at once: its longest packet holds no block */
    HART_PLANTED = 64, /* ebreaks that the debugger may have written at a time */
};

enum hart_cause { CAUSE_EBREAK = 1, CAUSE_TRIGGER = 2, CAUSE_HALTREQ = 3, CAUSE_STEP = 4 }; /* dcsr.cause */

struct hart {
    struct rsp rsp;
    bool running;
    bool was_reset; /* dmstatus.havereset */
    enum hart_cause cause;
    uint32_t dcsr; /* the bits of it that are kept: ebreakm, ebreaks, ebreaku, step */
    uint32_t scratch[2];
    uint32_t registers[HART_REGISTERS];
    bool registers_known;
    uint64_t registers_written; /* by number, bit by bit: to go out before the hart runs */
    uint32_t csr_base;          /* the stub's number of CSR 0; 0: unknown */
    uint32_t ram_base;
    uint32_t ram_bytes;
    uint8_t *ram;         /* what is known of it */
    uint8_t *block_state; /* one of enum block_state a block */
    unsigned planted_count;
    uint32_t planted[HART_PLANTED]; /* addresses of ebreaks that the debugger wrote */
    struct triggers triggers;
};

/* Connects to the stub at `path`; the emulator is halted from here on. False if that fails. */
bool hart_open(struct hart *hart, const char *path, uint32_t ram_base, uint32_t ram_bytes);

/* Lets the hart run, or one instruction if dcsr.step is set. */
void hart_resume(struct hart *hart);
void hart_halt(struct hart *hart);
void hart_reset(struct hart *hart);

/* Looks whether the running hart has stopped. */
void hart_poll(struct hart *hart);

/* Halted only. Each returns false where there is no such register or memory; `size` is 1, 2 or 4, and aligned. */
bool hart_register_read(struct hart *hart, unsigned number, uint32_t *value);
bool hart_register_write(struct hart *hart, unsigned number, uint32_t value);
bool hart_csr_read(struct hart *hart, unsigned number, uint32_t *value);
bool hart_csr_write(struct hart *hart, unsigned number, uint32_t value);
bool hart_memory_read(struct hart *hart, uint32_t address, unsigned size, uint32_t *value);
bool hart_memory_write(struct hart *hart, uint32_t address, unsigned size, uint32_t value);

#endif
