/* SPDX-License-Identifier: Apache-2.0
 *
 * The trigger module: as many mcontrol triggers as a mid-range chip has, for execution and for data alike. Armed, each is
 * a hardware breakpoint or watchpoint of the emulator.
 */
#ifndef TRIGGER_H
#define TRIGGER_H

#include <stdbool.h>
#include <stdint.h>

#include "rsp.h"

enum { TRIGGERS = 4 };

struct trigger {
    uint32_t control; /* tdata1 without its type */
    uint32_t address; /* tdata2 */
    int kind;         /* Z packet by which the emulator has it; 0: it has not */
    uint32_t at;      /* and where */
};

struct triggers {
    unsigned selected;
    struct trigger list[TRIGGERS];
};

/* CSRs 0x7a0..0x7a2; false for others. */
bool trigger_csr_read(const struct triggers *triggers, unsigned number, uint32_t *value);
bool trigger_csr_write(struct triggers *triggers, unsigned number, uint32_t value);

/* Makes the emulator have what is armed, and nothing else. */
void trigger_arm(struct triggers *triggers, struct rsp *rsp);

/* Whether a trigger for execution is armed at `address`. */
bool trigger_at(const struct triggers *triggers, uint32_t address);

#endif
