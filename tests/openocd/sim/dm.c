/* SPDX-License-Identifier: Apache-2.0 */
#include "dm.h"

#include "counts.h"
#include "decode.h"
#include "progbuf.h"

enum {
    DATA0 = 0x04,
    DMCONTROL = 0x10,
    DMSTATUS = 0x11,
    HARTINFO = 0x12,
    ABSTRACTCS = 0x16,
    COMMAND = 0x17,
    ABSTRACTAUTO = 0x18,
    PROGBUF0 = 0x20,
    SBCS = 0x38,
    SBADDRESS0 = 0x39,
    SBDATA0 = 0x3c,
    HALTSUM0 = 0x40,
};

enum { ERROR_NONE, ERROR_BUSY, ERROR_NOT_SUPPORTED, ERROR_EXCEPTION, ERROR_STATE }; /* abstractcs.cmderr */
enum { BUS_BAD_ADDRESS = 2, BUS_BAD_SIZE = 4, BUS_OTHER = 7 };                      /* sbcs.sberror */

#define HARTSEL_MASK 0x03ffffc0u
#define SBCS_FIXED (1u << 29 | 32u << 5 | 7u) /* version 0.13, 32 address bits, accesses of 8 to 32 bits */
#define SBCS_WRITTEN 0x001f8000u              /* readonaddr, access, autoincrement, readondata */
#define HARTINFO_FIXED (2u << 20)             /* two scratch registers */

static bool is_there(const struct dm *dm)
{
    return dm->selected == 0;
}

/* ---- abstract commands ---- */

static bool register_access(struct hart *hart, unsigned number, bool write, uint32_t *value)
{
    bool general = number >= 0x1000 && number < 0x1020;
    if (general) {
        return write ? hart_register_write(hart, number - 0x1000, *value)
                     : hart_register_read(hart, number - 0x1000, value);
    }
    return write ? hart_csr_write(hart, number, *value) : hart_csr_read(hart, number, value);
}

static uint32_t run_register_command(struct dm *dm)
{
    uint32_t command = dm->command;
    unsigned number = bits(command, 0, 16);
    bool transfer = bits(command, 17, 1) != 0;
    bool exists = number < 0x1000 || (number >= 0x1000 && number < 0x1020);
    if (transfer && (bits(command, 20, 3) != 2 || !exists)) {
        return ERROR_NOT_SUPPORTED;
    }
    if (transfer && !register_access(&dm->hart, number, bits(command, 16, 1) != 0, &dm->data[0])) {
        return ERROR_EXCEPTION;
    }
    if (bits(command, 18, 1) != 0 && !progbuf_run(&dm->hart, dm->progbuf, DM_PROGBUF)) {
        return ERROR_EXCEPTION;
    }
    return ERROR_NONE;
}

static uint32_t run_memory_command(struct dm *dm)
{
    unsigned size = 1u << bits(dm->command, 20, 3);
    bool write = bits(dm->command, 16, 1) != 0;
    if (size > 4 || bits(dm->command, 23, 1) != 0) {
        return ERROR_NOT_SUPPORTED;
    }
    bool done = write ? hart_memory_write(&dm->hart, dm->data[1], size, dm->data[0])
                      : hart_memory_read(&dm->hart, dm->data[1], size, &dm->data[0]);
    if (!done) {
        return ERROR_EXCEPTION;
    }
    count_add(COUNT_ABSTRACT_READS, write ? 0 : 1);
    dm->data[1] += bits(dm->command, 19, 1) != 0 ? size : 0;
    return ERROR_NONE;
}

static void run_command(struct dm *dm)
{
    uint32_t kind = dm->command >> 24;
    if (dm->error != ERROR_NONE) {
        return;
    }
    if (!is_there(dm) || dm->hart.running) {
        dm->error = ERROR_STATE;
    } else if (kind == 0) {
        dm->error = run_register_command(dm);
    } else if (kind == 2) {
        dm->error = run_memory_command(dm);
    } else {
        dm->error = ERROR_NOT_SUPPORTED;
    }
}

/* Reading or writing data and program buffer runs the last command again where abstractauto says so. */
static void run_if_automatic(struct dm *dm, unsigned address)
{
    bool data = address >= DATA0 && address < DATA0 + DM_DATA;
    bool program = address >= PROGBUF0 && address < PROGBUF0 + DM_PROGBUF;
    if ((data && bits(dm->automatic, address - DATA0, 1) != 0) ||
        (program && bits(dm->automatic, 16 + address - PROGBUF0, 1) != 0)) {
        run_command(dm);
    }
}

/* ---- system bus ---- */

static void bus_access(struct dm *dm, bool write)
{
    unsigned size = 1u << bits(dm->bus_control, 17, 3);
    if (dm->bus_error != 0) {
        return;
    }
    if (size > 4) {
        dm->bus_error = BUS_BAD_SIZE;
    } else if (dm->hart.running) {
        dm->bus_error = BUS_OTHER;
    } else if (write ? hart_memory_write(&dm->hart, dm->bus_address, size, dm->bus_data)
                     : hart_memory_read(&dm->hart, dm->bus_address, size, &dm->bus_data)) {
        count_add(COUNT_SYSBUS_READS, write ? 0 : 1);
        dm->bus_address += bits(dm->bus_control, 16, 1) != 0 ? size : 0;
    } else {
        dm->bus_error = BUS_BAD_ADDRESS;
    }
}

static uint32_t bus_data_read(struct dm *dm)
{
    uint32_t value = dm->bus_data;
    if (bits(dm->bus_control, 15, 1) != 0) {
        bus_access(dm, false);
    }
    return value;
}

static void bus_address_write(struct dm *dm, uint32_t value)
{
    dm->bus_address = value;
    if (bits(dm->bus_control, 20, 1) != 0) {
        bus_access(dm, false);
    }
}

static void bus_data_write(struct dm *dm, uint32_t value)
{
    dm->bus_data = value;
    bus_access(dm, true);
}

/* ---- control ---- */

static uint32_t twice(bool is, unsigned bit)
{
    return is ? 3u << bit : 0; /* any and all are the same with one hart */
}

static uint32_t status(struct dm *dm)
{
    hart_poll(&dm->hart);
    bool there = is_there(dm);
    bool running = dm->hart.running;
    return 2u | 1u << 7 | 1u << 22 | twice(there && !running, 8) | twice(there && running, 10) | twice(!there, 14) |
           twice(there && dm->resumed, 16) | twice(there && dm->hart.was_reset, 18);
}

static uint32_t control(const struct dm *dm)
{
    uint32_t selected = (dm->selected & 0x3ff) << 16 | dm->selected >> 10 << 6;
    return selected | (dm->reset_asked ? 2u : 0u) | (dm->active ? 1u : 0u);
}

static void control_hart(struct dm *dm, uint32_t value)
{
    if (bits(value, 28, 1) != 0) {
        dm->hart.was_reset = false;
    }
    if (bits(value, 31, 1) != 0) {
        hart_halt(&dm->hart);
    } else if (bits(value, 30, 1) != 0) {
        dm->resumed = true;
        hart_resume(&dm->hart);
    }
}

static void control_write(struct dm *dm, uint32_t value)
{
    bool reset = bits(value, 1, 1) != 0;
    bool ends = dm->reset_asked && !reset;
    dm->active = bits(value, 0, 1) != 0;
    dm->reset_asked = reset;
    dm->selected = bits(value, 16, 10) | bits(value, 6, 10) << 10;
    if (!is_there(dm) || !dm->active) {
        return;
    }
    if (ends) {
        hart_reset(&dm->hart);
        if (bits(value, 31, 1) == 0) {
            hart_resume(&dm->hart);
        }
        return;
    }
    control_hart(dm, value);
}

static uint32_t abstractcs(const struct dm *dm)
{
    return (uint32_t)DM_PROGBUF << 24 | dm->error << 8 | DM_DATA;
}

/* ---- registers ---- */

static uint32_t read_register(struct dm *dm, unsigned address)
{
    switch (address) {
    case DMCONTROL:
        return control(dm);
    case DMSTATUS:
        return status(dm);
    case HARTINFO:
        return HARTINFO_FIXED;
    case ABSTRACTCS:
        return abstractcs(dm);
    case ABSTRACTAUTO:
        return dm->automatic;
    case SBCS:
        return SBCS_FIXED | dm->bus_control | dm->bus_error << 12;
    case SBADDRESS0:
        return dm->bus_address;
    case SBDATA0:
        return bus_data_read(dm);
    case HALTSUM0:
        return dm->hart.running ? 0 : 1;
    default:
        return 0;
    }
}

uint32_t dm_read(struct dm *dm, unsigned address)
{
    uint32_t value;
    if (address >= DATA0 && address < DATA0 + DM_DATA) {
        value = dm->data[address - DATA0];
    } else if (address >= PROGBUF0 && address < PROGBUF0 + DM_PROGBUF) {
        value = dm->progbuf[address - PROGBUF0];
    } else {
        return read_register(dm, address);
    }
    run_if_automatic(dm, address);
    return value;
}

static void write_register(struct dm *dm, unsigned address, uint32_t value)
{
    switch (address) {
    case DMCONTROL:
        control_write(dm, value);
        break;
    case ABSTRACTCS:
        dm->error &= ~bits(value, 8, 3);
        break;
    case COMMAND:
        dm->command = value;
        run_command(dm);
        break;
    case ABSTRACTAUTO:
        dm->automatic = value & (((1u << DM_PROGBUF) - 1) << 16 | ((1u << DM_DATA) - 1));
        break;
    case SBCS:
        dm->bus_control = value & SBCS_WRITTEN;
        dm->bus_error &= ~bits(value, 12, 3);
        break;
    case SBADDRESS0:
        bus_address_write(dm, value);
        break;
    case SBDATA0:
        bus_data_write(dm, value);
        break;
    default:
        break;
    }
}

void dm_write(struct dm *dm, unsigned address, uint32_t value)
{
    if (address >= DATA0 && address < DATA0 + DM_DATA) {
        dm->data[address - DATA0] = value;
    } else if (address >= PROGBUF0 && address < PROGBUF0 + DM_PROGBUF) {
        dm->progbuf[address - PROGBUF0] = value;
    } else {
        write_register(dm, address, value);
        return;
    }
    run_if_automatic(dm, address);
}
