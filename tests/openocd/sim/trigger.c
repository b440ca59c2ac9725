/* SPDX-License-Identifier: Apache-2.0 */
#include "trigger.h"

#define TYPE_MCONTROL (2u << 28)

enum {
    TSELECT = 0x7a0,
    TDATA1 = 0x7a1,
    TDATA2 = 0x7a2,
    LOAD = 1 << 0,
    STORE = 1 << 1,
    EXECUTE = 1 << 2,
    MACHINE = 1 << 6,
    ACTION_DEBUG = 1 << 12,
    DMODE = 1 << 27,
    KEPT = LOAD | STORE | EXECUTE | MACHINE | ACTION_DEBUG | DMODE,
    BREAKPOINT = 1,
    WATCH_WRITE = 2,
    WATCH_READ = 3,
    WATCH_ACCESS = 4,
};

bool trigger_csr_read(const struct triggers *triggers, unsigned number, uint32_t *value)
{
    const struct trigger *trigger = &triggers->list[triggers->selected];
    switch (number) {
    case TSELECT:
        *value = triggers->selected;
        return true;
    case TDATA1:
        *value = TYPE_MCONTROL | trigger->control;
        return true;
    case TDATA2:
        *value = trigger->address;
        return true;
    default:
        return false;
    }
}

bool trigger_csr_write(struct triggers *triggers, unsigned number, uint32_t value)
{
    struct trigger *trigger = &triggers->list[triggers->selected];
    switch (number) {
    case TSELECT:
        triggers->selected = value < TRIGGERS ? value : triggers->selected;
        return true;
    case TDATA1:
        trigger->control = value & KEPT;
        return true;
    case TDATA2:
        trigger->address = value;
        return true;
    default:
        return false;
    }
}

static int kind_of(const struct trigger *trigger)
{
    bool armed = (trigger->control & MACHINE) != 0 && (trigger->control & ACTION_DEBUG) != 0;
    if (!armed) {
        return 0;
    }
    if ((trigger->control & EXECUTE) != 0) {
        return BREAKPOINT;
    }
    switch (trigger->control & (LOAD | STORE)) {
    case LOAD:
        return WATCH_READ;
    case STORE:
        return WATCH_WRITE;
    case LOAD | STORE:
        return WATCH_ACCESS;
    default:
        return 0;
    }
}

void trigger_arm(struct triggers *triggers, struct rsp *rsp)
{
    for (struct trigger *trigger = triggers->list; trigger < triggers->list + TRIGGERS; trigger++) {
        int kind = kind_of(trigger);
        if (kind == trigger->kind && (kind == 0 || trigger->at == trigger->address)) {
            continue;
        }
        if (trigger->kind != 0) {
            rsp_ask(rsp, "z%d,%x,1", trigger->kind, trigger->at);
        }
        if (kind != 0) {
            rsp_ask(rsp, "Z%d,%x,1", kind, trigger->address);
        }
        trigger->kind = kind;
        trigger->at = trigger->address;
    }
}

bool trigger_at(const struct triggers *triggers, uint32_t address)
{
    for (unsigned i = 0; i < TRIGGERS; i++) {
        if (triggers->list[i].kind == BREAKPOINT && triggers->list[i].at == address) {
            return true;
        }
    }
    return false;
}
