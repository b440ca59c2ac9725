/* SPDX-License-Identifier: Apache-2.0 */
#include "owners.h"

#include <string.h>

enum { FIRST_CAPACITY = 1024, FIRST_SHIFT = 64 - 10, MOST_SEEN = 1 << 23 };

_Static_assert(FIRST_CAPACITY == 1 << (64 - FIRST_SHIFT), "a place is the upper bits of a product");

/* Gives the numbers of an event the meaning that they have now. */
static bool owner_resolve(struct engine *engine, uint64_t whose, uint64_t heap, struct owner *owner)
{
    const struct layout *layout = &engine->parser.layout;
    const uint64_t stack = whose >> layout->stack_shift;
    const uint64_t context = whose & layout->context_mask, tag = whose >> layout->tag_shift & layout->tag_mask;
    engine->has_unknown_stack |= stack != 0 && numbers_get(&engine->defined_stacks, stack) == NULL;
    owner->heap = heap;
    return meanings_use(&engine->stacks, &engine->defined_stacks, &engine->memory, stack, &owner->stack) &&
           meanings_use(&engine->names, &engine->defined_names, &engine->memory, context, &owner->context) &&
           meanings_use(&engine->names, &engine->defined_tags, &engine->memory, tag, &owner->tag);
}

static bool owner_equal(const struct owner *one, const struct owner *other)
{
    return one->stack == other->stack && one->context == other->context && one->tag == other->tag &&
           one->heap == other->heap;
}

static size_t owner_place(const struct engine *engine, const struct owner *owner)
{
    const uint64_t multiplier = engine->wish.multiplier;
    uint64_t hash = owner->stack * multiplier;
    hash = (hash ^ hash >> 29 ^ owner->context) * multiplier;
    hash = (hash ^ hash >> 29 ^ owner->tag) * multiplier;
    hash = (hash ^ hash >> 29 ^ owner->heap) * multiplier;
    return (size_t)(hash >> 32) & (engine->owners.index_capacity - 1);
}

/* Returns the place in the index of an owner, or the free one where it would be. */
static uint32_t *owners_find(struct engine *engine, const struct owner *owner)
{
    const struct owners *owners = &engine->owners;
    size_t at = owner_place(engine, owner);
    while (owners->index[at] != 0 && !owner_equal(&owners->named[owners->index[at] - 1].owner, owner)) {
        at = (at + 1) & (owners->index_capacity - 1);
    }
    return &owners->index[at];
}

static bool owners_widen_index(struct engine *engine)
{
    struct owners *owners = &engine->owners;
    const size_t before = owners->index_capacity;
    uint32_t *index;
    size_t at;
    if (owners->named_count * 2 < before) {
        return true;
    }
    index = memory_new(&engine->memory, (before ? before * 2 : FIRST_CAPACITY) * sizeof *index);
    if (index == NULL) {
        return false;
    }
    memory_release(&engine->memory, owners->index, before * sizeof *index);
    owners->index = index;
    owners->index_capacity = before ? before * 2 : FIRST_CAPACITY;
    for (at = 0; at < owners->named_count; at++) {
        *owners_find(engine, &owners->named[at].owner) = (uint32_t)at + 1;
    }
    return true;
}

/* Returns the index of an owner's name, which may be new. false: no memory. */
static bool owners_intern(struct engine *engine, const struct owner *owner, uint32_t *name)
{
    struct owners *owners = &engine->owners;
    struct named *named;
    uint32_t *place;
    if (!owners_widen_index(engine)) {
        return false;
    }
    place = owners_find(engine, owner);
    *name = *place ? *place - 1 : OVERFLOWN;
    if (*place != 0 || owners->named_count >= MOST_NAMED) {
        return true;
    }
    named = memory_room(&engine->memory, owners->named, &owners->named_capacity, owners->named_count, sizeof *named);
    if (named == NULL) {
        return false;
    }
    owners->named = named;
    named += owners->named_count;
    memset(named, 0, sizeof *named);
    named->owner = *owner;
    named->use = NOT_ASKED;
    *name = (uint32_t)owners->named_count++;
    *place = *name + 1;
    return true;
}

/* Returns the place of an owner, of whatever generation, or the free one where it would be. */
static struct seen *seen_of(const struct engine *engine, const struct seen_table *table, uint64_t whose, uint64_t heap)
{
    size_t at = seen_place(table, engine->wish.multiplier, whose, heap);
    while (table->entries[at].generation != 0 &&
           (table->entries[at].whose != whose || table->entries[at].heap != heap)) {
        at = (at + 1) & (table->capacity - 1);
    }
    return &table->entries[at];
}

/* Makes room for one more place. A table of the largest size begins anew: it only saves time. */
static bool seen_widen(struct engine *engine, struct seen_table *table)
{
    const struct seen_table before = *table;
    const bool is_full = before.capacity >= MOST_SEEN;
    size_t at;
    if (table->count * 4 < table->capacity) {
        return true;
    }
    table->capacity = is_full ? before.capacity : before.capacity ? before.capacity * 2 : FIRST_CAPACITY;
    table->shift = is_full ? before.shift : before.capacity ? before.shift - 1 : FIRST_SHIFT;
    table->entries = memory_new(&engine->memory, table->capacity * sizeof *table->entries);
    if (table->entries == NULL) {
        *table = before;
        return false;
    }
    table->count = is_full ? 0 : before.count;
    for (at = 0; at < before.capacity && !is_full; at++) {
        if (before.entries[at].generation != 0) {
            *seen_of(engine, table, before.entries[at].whose, before.entries[at].heap) = before.entries[at];
        }
    }
    memory_release(&engine->memory, before.entries, before.capacity * sizeof *before.entries);
    return true;
}

/* Notes what is known of an event's owner. */
static void seen_note(struct engine *engine, struct seen_table *table, uint64_t whose, uint64_t heap, uint32_t value)
{
    struct seen *seen;
    if (heap > UINT16_MAX) {
        return;
    }
    if (!seen_widen(engine, table)) {
        engine->status = ENGINE_NO_MEMORY;
        return;
    }
    seen = seen_of(engine, table, whose, heap);
    table->count += seen->generation == 0;
    *seen = (struct seen){whose, value, (uint16_t)heap, engine->owners.generation};
}

static void seen_clear(struct engine *engine, struct seen_table *table)
{
    memory_release(&engine->memory, table->entries, table->capacity * sizeof *table->entries);
    *table = (struct seen_table){0};
}

void owners_renew(struct engine *engine)
{
    if (engine->owners.generation++ == UINT16_MAX) {
        seen_clear(engine, &engine->owners.used);
        seen_clear(engine, &engine->owners.known);
        engine->owners.generation = 1;
    }
}

uint32_t owners_resolve(struct engine *engine, uint64_t whose, uint64_t heap)
{
    struct owner owner;
    uint32_t name;
    if (!owner_resolve(engine, whose, heap, &owner) || !owners_intern(engine, &owner, &name)) {
        engine->status = ENGINE_NO_MEMORY;
        return OVERFLOWN;
    }
    if (name != OVERFLOWN) {
        seen_note(engine, &engine->owners.known, whose, heap, name);
    }
    return name;
}

/* Returns the stack of an owner as addresses of code, in `pcs`. */
static size_t owner_code(const struct engine *engine, const struct owner *owner, uint64_t *pcs)
{
    const struct meaning *stack = numbers_get(&engine->stacks.used, owner->stack);
    const size_t count = stack == NULL ? 0 : stack->size / sizeof *pcs;
    size_t at;
    for (at = 0; at < count; at++) {
        memcpy(&pcs[at], stack->data + at * sizeof *pcs, sizeof *pcs);
        pcs[at] = layout_code(&engine->parser.layout, pcs[at]);
    }
    return count;
}

/* Gives an owner an index, and asks for its nodes. */
static void owners_add(struct engine *engine, uint32_t name)
{
    struct owners *owners = &engine->owners;
    struct use *uses =
        memory_room(&engine->memory, owners->uses, &owners->use_capacity, owners->use_count, sizeof *uses);
    struct use *use;
    uint64_t pcs[ENGINE_MOST_FRAMES];
    enum engine_answer answer = ENGINE_YES;
    size_t count;
    if (uses == NULL) {
        engine->status = ENGINE_NO_MEMORY;
        return;
    }
    owners->uses = uses;
    use = &uses[owners->use_count];
    memset(use, 0, sizeof *use);
    use->first_node = (uint32_t)owners->link_count;
    use->name = name;
    if (engine->calls.group != NULL) {
        count = owner_code(engine, &owners->named[name].owner, pcs);
        answer = engine->calls.group(engine->calls.context, engine, &owners->named[name].owner, pcs, count);
    }
    if (answer == ENGINE_FAILED && engine->status == ENGINE_GOOD) {
        engine->status = ENGINE_CALL_FAILED;
    }
    if (answer != ENGINE_YES) {
        owners->link_count = use->first_node;
        return;
    }
    use->nodes = (uint32_t)(owners->link_count - use->first_node);
    owners->named[name].use = (uint32_t)owners->use_count;
    owners->use_count++;
}

uint32_t owners_ask(struct engine *engine, uint64_t whose, uint64_t heap)
{
    const uint32_t name = owners_name(engine, whose, heap);
    if (name == OVERFLOWN) {
        engine->unread++;
        return NO_OWNER;
    }
    if (engine->owners.named[name].use == NOT_ASKED) {
        engine->owners.named[name].use = NO_OWNER;
        owners_add(engine, name);
    }
    seen_note(engine, &engine->owners.used, whose, heap, engine->owners.named[name].use);
    return engine->owners.named[name].use;
}

/* Makes nodes up to this one. */
static bool owners_widen_nodes(struct engine *engine, uint64_t node)
{
    struct owners *owners = &engine->owners;
    struct node *nodes;
    while (owners->node_count <= node) {
        nodes = memory_room(&engine->memory, owners->nodes, &owners->node_capacity, owners->node_count, sizeof *nodes);
        if (nodes == NULL) {
            return false;
        }
        owners->nodes = nodes;
        memset(&nodes[owners->node_count++], 0, sizeof *nodes);
    }
    return true;
}

enum engine_answer engine_add_node(struct engine *engine, uint64_t node)
{
    struct owners *owners = &engine->owners;
    uint32_t *links;
    if (node >= ENGINE_MOST_NODES || owners->link_count >= UINT32_MAX - 1) {
        return ENGINE_NO;
    }
    links = memory_room(&engine->memory, owners->links, &owners->link_capacity, owners->link_count, sizeof *links);
    if (links == NULL || !owners_widen_nodes(engine, node)) {
        owners->links = links == NULL ? owners->links : links;
        engine->status = ENGINE_NO_MEMORY;
        return ENGINE_FAILED;
    }
    owners->links = links;
    links[owners->link_count++] = (uint32_t)node;
    return ENGINE_YES;
}

bool owners_pass(struct engine *engine, uint32_t name)
{
    struct named *named = &engine->owners.named[name];
    uint64_t pcs[ENGINE_MOST_FRAMES];
    if (engine->calls.passes == NULL) {
        return true;
    }
    if (!named->is_passing_known) {
        named->is_passing_known = true;
        named->passes =
            engine->calls.passes(engine->calls.context, &named->owner, pcs, owner_code(engine, &named->owner, pcs));
    }
    if (named->passes == ENGINE_FAILED) {
        engine->status = ENGINE_CALL_FAILED;
    }
    return named->passes == ENGINE_YES;
}

void owners_clear(struct engine *engine)
{
    struct owners *owners = &engine->owners;
    struct memory *memory = &engine->memory;
    seen_clear(engine, &owners->used);
    seen_clear(engine, &owners->known);
    memory_release(memory, owners->named, owners->named_capacity * sizeof *owners->named);
    memory_release(memory, owners->index, owners->index_capacity * sizeof *owners->index);
    memory_release(memory, owners->uses, owners->use_capacity * sizeof *owners->uses);
    memory_release(memory, owners->links, owners->link_capacity * sizeof *owners->links);
    memory_release(memory, owners->nodes, owners->node_capacity * sizeof *owners->nodes);
    memset(owners, 0, sizeof *owners);
    owners->generation = 1;
}
