/* SPDX-License-Identifier: Apache-2.0
 *
 * The Debug Module of the RISC-V debug specification 0.13 for one hart of 32 bits: abstract commands, a program buffer
 * that is interpreted, system bus access. What the specification leaves open is as on Espressif's chips.
 *
 * A command, and an access by the system bus, is done by the time that it was asked for; that it takes its time is the
 * DTM's matter, which answers busy. The system bus works while the hart is halted only: the emulator's stub would
 * have to stop it.
 */
#ifndef DM_H
#define DM_H

#include <stdbool.h>
#include <stdint.h>

#include "hart.h"

enum { DM_DATA = 2, DM_PROGBUF = 8 };

struct dm {
    struct hart hart;
    bool active;
    bool reset_asked;  /* dmcontrol.ndmreset */
    bool resumed;      /* dmstatus.allresumeack */
    uint32_t selected; /* hartsel, 20 bits */
    uint32_t error;    /* abstractcs.cmderr */
    uint32_t command;
    uint32_t automatic; /* abstractauto */
    uint32_t data[DM_DATA];
    uint32_t progbuf[DM_PROGBUF];
    uint32_t bus_control; /* the bits of sbcs that are written */
    uint32_t bus_error;   /* sbcs.sberror */
    uint32_t bus_address;
    uint32_t bus_data;
};

uint32_t dm_read(struct dm *dm, unsigned address);
void dm_write(struct dm *dm, unsigned address, uint32_t value);

#endif
