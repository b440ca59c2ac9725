/* SPDX-License-Identifier: Apache-2.0
 *
 * A JTAG TAP with the Debug Transport Module of the RISC-V debug specification 0.13 behind it.
 *
 * A DMI access takes DMI_CLOCKS: scanned too early it is answered with busy until it is told `dmireset`, which makes a
 * debugger find out by itself how long to wait.
 */
#ifndef TAP_H
#define TAP_H

#include <stdbool.h>
#include <stdint.h>

#include "dm.h"

enum { DMI_CLOCKS = 8 };

struct tap {
    struct dm dm;
    unsigned state; /* enum tap_state */
    bool clock;
    unsigned instruction;
    uint64_t shift;
    unsigned length; /* bits of `shift` */
    uint64_t now;    /* clocks since the start */
    uint64_t ready;  /* when the last DMI access is done */
    bool busy;       /* dmistat is "busy", until dmireset */
    uint64_t result; /* of the last DMI access: what the next scan captures */
};

void tap_reset(struct tap *tap);

/* Sets the three wires; a rising clock is what counts. */
void tap_write(struct tap *tap, bool tck, bool tms, bool tdi);

/* What TDO shows. */
bool tap_read(const struct tap *tap);

#endif
