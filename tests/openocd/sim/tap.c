/* SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include "counts.h"

enum tap_state {
    RESET,
    IDLE,
    SELECT_DR,
    CAPTURE_DR,
    SHIFT_DR,
    EXIT1_DR,
    PAUSE_DR,
    EXIT2_DR,
    UPDATE_DR,
    SELECT_IR,
    CAPTURE_IR,
    SHIFT_IR,
    EXIT1_IR,
    PAUSE_IR,
    EXIT2_IR,
    UPDATE_IR,
};

/* The next state, by TMS. */
static const uint8_t next_state[][2] = {
    [RESET] = {IDLE, RESET},
    [IDLE] = {IDLE, SELECT_DR},
    [SELECT_DR] = {CAPTURE_DR, SELECT_IR},
    [CAPTURE_DR] = {SHIFT_DR, EXIT1_DR},
    [SHIFT_DR] = {SHIFT_DR, EXIT1_DR},
    [EXIT1_DR] = {PAUSE_DR, UPDATE_DR},
    [PAUSE_DR] = {PAUSE_DR, EXIT2_DR},
    [EXIT2_DR] = {SHIFT_DR, UPDATE_DR},
    [UPDATE_DR] = {IDLE, SELECT_DR},
    [SELECT_IR] = {CAPTURE_IR, RESET},
    [CAPTURE_IR] = {SHIFT_IR, EXIT1_IR},
    [SHIFT_IR] = {SHIFT_IR, EXIT1_IR},
    [EXIT1_IR] = {PAUSE_IR, UPDATE_IR},
    [PAUSE_IR] = {PAUSE_IR, EXIT2_IR},
    [EXIT2_IR] = {SHIFT_IR, UPDATE_IR},
    [UPDATE_IR] = {IDLE, SELECT_DR},
};

enum { INSTRUCTION_BITS = 5, IDCODE = 0x01, DTMCS = 0x10, DMI = 0x11 };
enum { DMI_ADDRESS_BITS = 7, DMI_BITS = DMI_ADDRESS_BITS + 34, DMI_READ = 1, DMI_WRITE = 2, DMI_BUSY = 3 };

#define IDENTITY 0x20000913u
#define DTMCS_FIXED (1u | DMI_ADDRESS_BITS << 4 | 1u << 12) /* version 0.13, address bits, one clock of idle */
#define DTMCS_DMIRESET (1u << 16)
#define DTMCS_DMIHARDRESET (1u << 17)

void tap_reset(struct tap *tap)
{
    tap->state = RESET;
    tap->instruction = IDCODE;
}

static uint64_t capture_dmi(struct tap *tap)
{
    tap->busy = tap->busy || tap->now < tap->ready;
    if (tap->busy) {
        count_add(COUNT_DMI_BUSY, 1);
    }
    return tap->result | (tap->busy ? DMI_BUSY : 0);
}

static void load(struct tap *tap, uint64_t value, unsigned length)
{
    tap->shift = value;
    tap->length = length;
    count_add(COUNT_SCANS, 1);
}

static void capture(struct tap *tap)
{
    switch (tap->instruction) {
    case IDCODE:
        load(tap, IDENTITY, 32);
        break;
    case DTMCS:
        load(tap, DTMCS_FIXED | (tap->busy ? DMI_BUSY << 10 : 0), 32);
        break;
    case DMI:
        load(tap, capture_dmi(tap), DMI_BITS);
        break;
    default:
        load(tap, 0, 1);
        break;
    }
}

static void update_dmi(struct tap *tap)
{
    unsigned operation = tap->shift & 3;
    uint32_t data = (uint32_t)(tap->shift >> 2);
    unsigned address = (unsigned)(tap->shift >> 34) & ((1u << DMI_ADDRESS_BITS) - 1);
    if (tap->busy || (operation != DMI_READ && operation != DMI_WRITE)) {
        return;
    }
    if (operation == DMI_READ) {
        data = dm_read(&tap->dm, address);
    } else {
        dm_write(&tap->dm, address, data);
    }
    tap->result = (uint64_t)address << 34 | (uint64_t)data << 2;
    tap->ready = tap->now + DMI_CLOCKS;
    count_add(COUNT_DMI, 1);
}

static void update(struct tap *tap)
{
    if (tap->instruction == DMI) {
        update_dmi(tap);
    } else if (tap->instruction == DTMCS && (tap->shift & (DTMCS_DMIRESET | DTMCS_DMIHARDRESET)) != 0) {
        tap->busy = false;
    }
}

static void shift(struct tap *tap, bool tdi)
{
    tap->shift = tap->shift >> 1 | (uint64_t)tdi << (tap->length - 1);
    count_add(COUNT_BITS, 1);
}

/* What happens at the clock's rising edge in the state that it ends. */
static void leave(struct tap *tap, bool tdi)
{
    switch (tap->state) {
    case CAPTURE_DR:
        capture(tap);
        break;
    case CAPTURE_IR:
        load(tap, 1, INSTRUCTION_BITS); /* the standard wants the last two bits to be 01 */
        break;
    case SHIFT_DR:
    case SHIFT_IR:
        shift(tap, tdi);
        break;
    default:
        break;
    }
}

static void enter(struct tap *tap)
{
    switch (tap->state) {
    case RESET:
        tap_reset(tap);
        break;
    case UPDATE_DR:
        update(tap);
        break;
    case UPDATE_IR:
        tap->instruction = (unsigned)tap->shift;
        break;
    default:
        break;
    }
}

void tap_write(struct tap *tap, bool tck, bool tms, bool tdi)
{
    bool rises = tck && !tap->clock;
    tap->clock = tck;
    if (rises) {
        tap->now++;
        count_add(COUNT_CLOCKS, 1);
        leave(tap, tdi);
        tap->state = next_state[tap->state][tms];
        enter(tap);
    }
}

bool tap_read(const struct tap *tap)
{
    return (tap->shift & 1) != 0;
}
