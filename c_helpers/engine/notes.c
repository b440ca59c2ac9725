/* SPDX-License-Identifier: Apache-2.0 */
#include "notes.h"

#include "owners.h"

#include <string.h>

/* Fills in the owner of an event. Where it found no room, nothing is known of it. */
static void note_owner(struct engine *engine, const struct event *event, struct owner *owner)
{
    const uint32_t name = owners_name(engine, event->whose, event->heap);
    if (name == OVERFLOWN) {
        memset(owner, 0, sizeof *owner);
    } else {
        *owner = engine->owners.named[name].owner;
    }
}

void note_oddity(struct engine *engine, enum oddity_kind kind, const struct event *event, uint32_t block)
{
    const size_t is_unknown = kind == ODDITY_UNKNOWN;
    struct oddity *oddity = &engine->oddities[engine->oddity_count[0] + engine->oddity_count[1]];
    if (engine->oddity_count[is_unknown] >= ENGINE_MOST_ODDITIES) {
        return;
    }
    engine->oddity_count[is_unknown]++;
    oddity->kind = kind;
    oddity->seq = event->seq;
    oddity->address = event->address;
    oddity->block = block;
    note_owner(engine, event, &oddity->owner);
}

static struct life *life_new(struct engine *engine)
{
    struct life *life = &engine->lives[engine->life_count++ % ENGINE_MOST_LIVES];
    memset(life, 0, sizeof *life);
    return life;
}

void note_begin(struct engine *engine, const struct event *event, uint64_t size, uint32_t owner)
{
    struct life *life;
    if (engine->wish.track < event->address || engine->wish.track - event->address >= (size ? size : 1)) {
        return;
    }
    life = life_new(engine);
    life->address = event->address;
    life->size = size;
    life->owner = owner;
    life->seq = event->seq;
    life->time = event->time;
    life->is_known = life->is_open = true;
    life->is_mapped = event->kind == MEMTRACE_MAP;
}

void note_end(struct engine *engine, const struct event *event, uint64_t address, bool is_mapped, bool is_freed)
{
    const size_t kept = engine->life_count < ENGINE_MOST_LIVES ? engine->life_count : ENGINE_MOST_LIVES;
    struct life *life;
    size_t at;
    for (at = 1; at <= kept; at++) {
        life = &engine->lives[(engine->life_count - at) % ENGINE_MOST_LIVES];
        if (life->is_open && life->is_mapped == is_mapped && (is_mapped || life->address == address)) {
            life->is_open = false;
            life->is_freed = is_freed;
            if (is_freed) {
                life->freed_seq = event->seq;
                note_owner(engine, event, &life->freed_owner);
            }
            return;
        }
    }
}

void note_undo(struct engine *engine, uint64_t address, uint64_t seq)
{
    const size_t kept = engine->life_count < ENGINE_MOST_LIVES ? engine->life_count : ENGINE_MOST_LIVES;
    struct life *life;
    size_t at;
    for (at = 1; at <= kept; at++) {
        life = &engine->lives[(engine->life_count - at) % ENGINE_MOST_LIVES];
        if (life->is_freed && !life->is_mapped && life->address == address && life->freed_seq == seq) {
            life->is_freed = false;
            life->is_open = true;
            return;
        }
    }
}

void note_stranger(struct engine *engine, const struct event *event)
{
    struct life *life = life_new(engine);
    life->address = event->address;
    life->owner = NO_OWNER;
    life->is_freed = true;
    life->freed_seq = event->seq;
    note_owner(engine, event, &life->freed_owner);
}

static bool is_within(uint64_t value, uint64_t least, uint64_t most)
{
    return least <= value && value <= most;
}

void note_tail(struct engine *engine, const struct event *event)
{
    const struct wish *wish = &engine->wish;
    const uint32_t name = owners_name(engine, event->whose, event->heap);
    struct tail_event *kept;
    if (engine->status != ENGINE_GOOD || !(wish->tail_kinds >> event->kind & 1) ||
        !is_within(event->size, wish->tail_least, wish->tail_most) ||
        !is_within(event->address, wish->tail_low, wish->tail_high) ||
        !is_within(event->seq, wish->tail_first, wish->tail_last) ||
        (name != OVERFLOWN && !owners_pass(engine, name))) {
        return;
    }
    if (engine->tail_count < wish->tail) {
        kept = memory_room(&engine->memory, engine->tail, &engine->tail_capacity, (size_t)engine->tail_count,
                           sizeof *engine->tail);
        if (kept == NULL) {
            engine->status = ENGINE_NO_MEMORY;
            return;
        }
        engine->tail = kept;
    }
    kept = &engine->tail[engine->tail_count++ % wish->tail];
    kept->event = *event;
    note_owner(engine, event, &kept->owner);
}
