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

static struct seen *owners_seen(struct engine *engine, uint64_t whose, uint64_t heap)
{
    struct owners *owners = &engine->owners;
    size_t at = owners_place(engine, whose, heap);
    while (owners->seen[at].generation != 0 && (owners->seen[at].whose != whose || owners->seen[at].heap != heap)) {
        at = (at + 1) & (owners->seen_capacity - 1);
    }
    return &owners->seen[at];
}

/* Makes room for one more entry. A table of the largest size begins anew: it only saves time. */
static bool owners_widen_seen(struct engine *engine)
{
    struct owners *owners = &engine->owners;
    struct seen *before = owners->seen, *made;
    const size_t capacity = owners->seen_capacity;
    const bool is_full = capacity >= MOST_SEEN;
    const size_t wider = is_full ? capacity : capacity ? capacity * 2 : FIRST_CAPACITY;
    size_t at;
    if (owners->seen_count * 4 < capacity) {
        return true;
    }
    made = memory_new(&engine->memory, wider * sizeof *made);
    if (made == NULL) {
        return false;
    }
    owners->seen = made;
    owners->seen_shift = capacity == wider ? owners->seen_shift : capacity ? owners->seen_shift - 1 : FIRST_SHIFT;
    owners->seen_capacity = wider;
    owners->seen_count = is_full ? 0 : owners->seen_count;
    for (at = 0; at < capacity && !is_full; at++) {
        if (before[at].generation != 0) {
            *owners_seen(engine, before[at].whose, before[at].heap) = before[at];
        }
    }
    memory_release(&engine->memory, before, capacity * sizeof *before);
    return true;
}

/* Notes what is known of an event's owner. */
static void owners_note(struct engine *engine, uint64_t whose, uint64_t heap, uint32_t name)
{
    struct owners *owners = &engine->owners;
    struct seen *seen;
    if (!owners_widen_seen(engine)) {
        engine->status = ENGINE_NO_MEMORY;
        return;
    }
    seen = owners_seen(engine, whose, heap);
    owners->seen_count += seen->generation == 0;
    *seen = (struct seen){whose, heap, name, owners->named[name].use, owners->generation};
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
        owners_note(engine, whose, heap, name);
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
    owners_note(engine, whose, heap, name);
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
    memory_release(memory, owners->seen, owners->seen_capacity * sizeof *owners->seen);
    memory_release(memory, owners->named, owners->named_capacity * sizeof *owners->named);
    memory_release(memory, owners->index, owners->index_capacity * sizeof *owners->index);
    memory_release(memory, owners->uses, owners->use_capacity * sizeof *owners->uses);
    memory_release(memory, owners->links, owners->link_capacity * sizeof *owners->links);
    memory_release(memory, owners->nodes, owners->node_capacity * sizeof *owners->nodes);
    memset(owners, 0, sizeof *owners);
    owners->generation = 1;
}
