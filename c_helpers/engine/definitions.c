/* SPDX-License-Identifier: Apache-2.0 */
#include "definitions.h"

#include "owners.h"

#include <string.h>

enum { HEAP_HEAD = sizeof(struct memtrace_heap_name), PROCESS_HEAD = sizeof(struct memtrace_process) };

_Static_assert(HEAP_HEAD == 8 && PROCESS_HEAD == 16 && sizeof(struct memtrace_counts) == 4 * ENGINE_COUNTERS,
               "payloads");

static bool out_of_memory(struct engine *engine)
{
    engine->status = ENGINE_NO_MEMORY;
    return true; /* the record itself is good */
}

static size_t text_bytes(size_t count)
{
    return count < ENGINE_LONGEST_TEXT ? count : ENGINE_LONGEST_TEXT;
}

/* Returns what stands behind the PCs of a stack that is not whole, where no code can be; 0: it is whole. */
static uint64_t stack_end(uint64_t end)
{
    return end == MEMTRACE_STACK_CUT ? UINT64_MAX : end == MEMTRACE_STACK_ENDED ? UINT64_MAX - 1 : 0;
}

static bool take_stack(struct engine *engine, uint64_t number, uint64_t heap, const unsigned char *payload,
                       size_t bytes)
{
    const struct layout *layout = &engine->parser.layout;
    const struct meaning *before = numbers_get(&engine->defined_stacks, number);
    const size_t count = bytes / layout->width, old = before == NULL ? 0 : before->size / sizeof(uint64_t);
    const size_t kept = count + (stack_end(heap) != 0);
    uint64_t pcs[ENGINE_MOST_FRAMES + 1];
    size_t at;
    if (bytes % layout->width || count == 0 || count > ENGINE_MOST_FRAMES || number == 0 ||
        engine->others.pcs + count > ENGINE_MOST_PCS) {
        return false;
    }
    engine->others.pcs += kept - old;
    for (at = 0; at < count; at++) {
        pcs[at] = layout_number(payload + at * layout->width, layout->width, layout->is_big);
    }
    if (kept > count) {
        pcs[count] = stack_end(heap);
    }
    if (before != NULL || engine->has_unknown_stack) {
        owners_renew(engine);
    }
    return meanings_define(&engine->defined_stacks, &engine->memory, number, 0, pcs, kept * sizeof *pcs) ||
           out_of_memory(engine);
}

/* A heap's name: capabilities, then the text; its kind is that of its memory. */
static bool take_heap(struct engine *engine, uint64_t number, const unsigned char *payload, size_t count)
{
    const struct layout *layout = &engine->parser.layout;
    struct numbers *heaps = &engine->others.heaps;
    struct meaning *before = numbers_get(heaps, number), *made;
    const size_t text = count < HEAP_HEAD ? 0 : text_bytes(count - HEAP_HEAD);
    uint32_t capabilities;
    if (count < HEAP_HEAD || (before == NULL && heaps->count >= ENGINE_MOST_HEAPS)) {
        return false;
    }
    made = memory_new(&engine->memory, sizeof *made + sizeof capabilities + text);
    if (made == NULL) {
        return out_of_memory(engine);
    }
    made->kind = (uint32_t)layout_number(payload, 4, layout->is_big);
    made->kind = made->kind <= MEMTRACE_MEMORY_DEVICE ? made->kind : MEMTRACE_MEMORY_UNKNOWN;
    capabilities = (uint32_t)layout_number(payload + 4, 4, layout->is_big);
    made->size = (uint32_t)(sizeof capabilities + text);
    memcpy(made->data, &capabilities, sizeof capabilities);
    memcpy(made->data + sizeof capabilities, payload + HEAP_HEAD, text);
    if (!numbers_put(heaps, &engine->memory, number, made)) {
        memory_release(&engine->memory, made, sizeof *made + made->size);
        return out_of_memory(engine);
    }
    if (before != NULL) {
        memory_release(&engine->memory, before, sizeof *before + before->size);
    }
    return true;
}

static bool take_name(struct engine *engine, uint64_t number, uint64_t kind, const unsigned char *payload, size_t count)
{
    struct numbers *defined = kind == MEMTRACE_NAME_TAG ? &engine->defined_tags : &engine->defined_names;
    if (kind == MEMTRACE_NAME_HEAP) {
        return take_heap(engine, number, payload, count);
    }
    if ((kind != MEMTRACE_NAME_CONTEXT && kind != MEMTRACE_NAME_MARK && kind != MEMTRACE_NAME_TAG) ||
        (defined->count >= ENGINE_MOST_NAMES && numbers_get(defined, number) == NULL)) {
        return false;
    }
    owners_renew(engine);
    return meanings_define(defined, &engine->memory, number, (uint32_t)kind, payload, text_bytes(count)) ||
           out_of_memory(engine);
}

static bool take_module(struct engine *engine, uint64_t base, const unsigned char *payload, size_t count)
{
    struct others *others = &engine->others;
    const size_t id = count ? payload[0] : 0, path = count < 1 + id ? 0 : text_bytes(count - 1 - id);
    struct module *modules, *module;
    if (count == 0 || count < 1 + id || others->module_count >= ENGINE_MOST_MODULES) {
        return false;
    }
    modules =
        memory_room(&engine->memory, others->modules, &others->module_capacity, others->module_count, sizeof *modules);
    if (modules == NULL) {
        return out_of_memory(engine);
    }
    others->modules = modules;
    module = &modules[others->module_count];
    module->bytes = memory_new(&engine->memory, 1 + id + path);
    if (module->bytes == NULL) {
        return out_of_memory(engine);
    }
    module->base = base;
    module->id_bytes = (uint32_t)id;
    module->path_bytes = (uint32_t)path;
    memcpy(module->bytes, payload + 1, id + path);
    others->module_count++;
    return true;
}

static bool take_counts(struct engine *engine, const unsigned char *payload, size_t count)
{
    size_t at;
    if (count < sizeof engine->others.counts) {
        return false;
    }
    for (at = 0; at < ENGINE_COUNTERS; at++) {
        engine->others.counts[at] = (uint32_t)layout_number(payload + 4 * at, 4, engine->parser.layout.is_big);
    }
    engine->others.has_counts = true;
    return true;
}

static bool take_failure(struct engine *engine, const unsigned char *payload, size_t count)
{
    struct others *others = &engine->others;
    const unsigned char *zero = count ? memchr(payload, 0, count) : NULL;
    const size_t function = zero == NULL ? count : (size_t)(zero - payload);
    const size_t text = zero == NULL ? 0 : count - function - 1;
    others->has_failure = true;
    others->function_bytes = text_bytes(function);
    others->text_bytes = text_bytes(text);
    memcpy(others->function, payload, others->function_bytes);
    if (text != 0) {
        memcpy(others->text, zero + 1, others->text_bytes);
    }
    return true;
}

static bool take_process(struct engine *engine, const unsigned char *payload, size_t count)
{
    struct others *others = &engine->others;
    const bool is_big = engine->parser.layout.is_big;
    if (count < PROCESS_HEAD) {
        return false;
    }
    others->process.parent = (uint32_t)layout_number(payload, 4, is_big);
    others->process.how = (uint32_t)layout_number(payload + 4, 4, is_big);
    others->process.own_bytes = layout_number(payload + 8, 8, is_big);
    others->command_bytes = text_bytes(count - PROCESS_HEAD);
    memcpy(others->command, payload + PROCESS_HEAD, others->command_bytes);
    others->has_process = true;
    return true;
}

bool definitions_take(struct engine *engine, uint64_t kind, uint64_t number, uint64_t heap,
                      const unsigned char *payload, size_t count)
{
    switch (kind) {
    case MEMTRACE_DEF_STACK:
        return take_stack(engine, number, heap, payload, count);
    case MEMTRACE_DEF_NAME:
        return take_name(engine, number, heap, payload, count);
    case MEMTRACE_DEF_MODULE:
        return take_module(engine, number, payload, count);
    case MEMTRACE_COUNTS:
        return take_counts(engine, payload, count);
    case MEMTRACE_FAILURE:
        return take_failure(engine, payload, count);
    case MEMTRACE_PROCESS:
        return take_process(engine, payload, count);
    default:
        return true;
    }
}

void definitions_forget(struct engine *engine)
{
    struct others *others = &engine->others;
    struct numbers *heaps = &others->heaps;
    struct meaning *heap;
    size_t at;
    for (at = 0; at < heaps->capacity; at++) {
        heap = heaps->entries[at].value;
        if (heap != NULL) {
            memory_release(&engine->memory, heap, sizeof *heap + heap->size);
        }
    }
    numbers_clear(heaps, &engine->memory);
    for (at = 0; at < others->module_count; at++) {
        memory_release(&engine->memory, others->modules[at].bytes,
                       1 + (size_t)others->modules[at].id_bytes + others->modules[at].path_bytes);
    }
    memory_release(&engine->memory, others->modules, others->module_capacity * sizeof *others->modules);
    others->modules = NULL;
    others->module_count = others->module_capacity = 0;
    others->has_counts = others->has_failure = others->has_process = false;
    others->pcs = 0;
}
