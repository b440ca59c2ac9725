/* SPDX-License-Identifier: Apache-2.0 */
#include "engine.h"

#include "definitions.h"
#include "log.h"
#include "replay.h"
#include "streams.h"
#include "sums.h"

#include <stdlib.h>
#include <string.h>

static void engine_scatter(struct engine *engine, uint64_t multiplier)
{
    multiplier |= 1;
    engine->wish.multiplier = multiplier;
    engine->blocks.multiplier = multiplier;
    engine->streams.by_name.multiplier = engine->others.heaps.multiplier = multiplier;
    engine->defined_stacks.multiplier = engine->defined_names.multiplier = engine->defined_tags.multiplier = multiplier;
    engine->stacks.used.multiplier = engine->stacks.contents.multiplier = multiplier;
    engine->names.used.multiplier = engine->names.contents.multiplier = multiplier;
}

struct engine *engine_new(const struct wish *wish, const struct engine_calls *calls)
{
    struct engine *engine = calloc(1, sizeof *engine);
    if (engine == NULL) {
        return NULL;
    }
    engine->memory.used = engine->memory.most = sizeof *engine;
    engine->wish = *wish;
    engine->calls = *calls;
    engine->parser.need = HEADER_BYTES;
    engine_scatter(engine, wish->multiplier);
    engine->places = memory_new(&engine->memory, ENGINE_PLACES * sizeof *engine->places);
    engine->reallocations = memory_new(&engine->memory, sizeof *engine->reallocations);
    if (wish->is_tracking) {
        engine->lives = memory_new(&engine->memory, ENGINE_MOST_LIVES * sizeof *engine->lives);
    }
    if (engine->places == NULL || engine->reallocations == NULL || (wish->is_tracking && engine->lives == NULL)) {
        engine_delete(engine);
        return NULL;
    }
    return engine;
}

/* Makes room for all the bytes that are needed. */
static bool carry_widen(struct engine *engine)
{
    struct parser *parser = &engine->parser;
    unsigned char *carry;
    if (parser->need <= parser->carry_capacity) {
        return true;
    }
    carry = memory_new(&engine->memory, parser->need);
    if (carry == NULL) {
        engine->status = ENGINE_NO_MEMORY;
        return false;
    }
    if (parser->have != 0) {
        memcpy(carry, parser->carry, parser->have);
    }
    memory_release(&engine->memory, parser->carry, parser->carry_capacity);
    parser->carry = carry;
    parser->carry_capacity = parser->need;
    return true;
}

/* Adds bytes to those that wait, up to what is needed. Returns how many. */
static size_t carry_add(struct engine *engine, const unsigned char *bytes, size_t count)
{
    struct parser *parser = &engine->parser;
    const size_t wanted = parser->need - parser->have, added = count < wanted ? count : wanted;
    if (!carry_widen(engine)) {
        return 0;
    }
    memcpy(parser->carry + parser->have, bytes, added);
    parser->have += added;
    return added;
}

static void carry_parse(struct engine *engine)
{
    struct parser *parser = &engine->parser;
    const size_t used = log_parse(engine, parser->carry, parser->have);
    parser->have -= used;
    memmove(parser->carry, parser->carry + used, parser->have);
}

enum engine_status engine_feed(struct engine *engine, const unsigned char *bytes, size_t count)
{
    struct parser *parser = &engine->parser;
    size_t used;
    while (count != 0 && engine->status == ENGINE_GOOD) {
        if (parser->have == 0) {
            used = log_parse(engine, bytes, count);
            bytes += used;
            count -= used;
        }
        if (engine->status == ENGINE_GOOD && count != 0) {
            used = carry_add(engine, bytes, count);
            bytes += used;
            count -= used;
            if (engine->status == ENGINE_GOOD && parser->have == parser->need) {
                carry_parse(engine);
            }
        }
    }
    return engine->status;
}

enum engine_status engine_pause(struct engine *engine)
{
    replay_end(engine);
    sums_add_up(engine);
    return engine->status;
}

enum engine_status engine_finish(struct engine *engine)
{
    if (engine->status == ENGINE_GOOD && engine->parser.have != 0) {
        carry_parse(engine);
    }
    if (engine->status == ENGINE_GOOD && !engine->parser.has_header) {
        engine->status = ENGINE_TOO_SHORT;
    }
    streams_rest(engine);
    return engine_pause(engine);
}

void engine_delete(struct engine *engine)
{
    struct memory *memory = &engine->memory;
    if (engine == NULL) {
        return;
    }
    memory_release(memory, engine->parser.carry, engine->parser.carry_capacity);
    pack_clear(engine);
    streams_clear(engine);
    definitions_forget(engine);
    if (engine->places != NULL && engine->reallocations != NULL) {
        replay_forget(engine);
    }
    memory_release(memory, engine->places, ENGINE_PLACES * sizeof *engine->places);
    memory_release(memory, engine->reallocations, sizeof *engine->reallocations);
    memory_release(memory, engine->lives, ENGINE_MOST_LIVES * sizeof *engine->lives);
    free(engine);
}
