/* SPDX-License-Identifier: Apache-2.0 */
#include "values.h"

typedef unsigned long long number; /* as Py_BuildValue's K takes it */

typedef PyObject *(*item_maker)(const struct engine *engine, size_t index);

/* Returns a tuple of what a function makes of each index. */
static PyObject *tuple_of(const struct engine *engine, size_t count, item_maker maker)
{
    PyObject *items = PyTuple_New((Py_ssize_t)count), *item;
    size_t at;
    for (at = 0; items != NULL && at < count; at++) {
        item = maker(engine, at);
        if (item == NULL) {
            Py_CLEAR(items);
        } else {
            PyTuple_SET_ITEM(items, (Py_ssize_t)at, item);
        }
    }
    return items;
}

/* Appends an item, which may be NULL, and gives it away. */
static bool append_item(PyObject *list, PyObject *item)
{
    const bool is_done = item != NULL && PyList_Append(list, item) == 0;
    Py_XDECREF(item);
    return is_done;
}

static PyObject *number_or_none(uint64_t value, bool is_known)
{
    if (!is_known) {
        Py_RETURN_NONE;
    }
    return PyLong_FromUnsignedLongLong(value);
}

static PyObject *time_or_none(uint64_t time)
{
    return number_or_none(time, time != NO_NUMBER);
}

static PyObject *text_of(const unsigned char *bytes, size_t count)
{
    return PyUnicode_DecodeUTF8((const char *)bytes, (Py_ssize_t)count, "replace");
}

PyObject *value_of_owner(const struct owner *owner)
{
    return Py_BuildValue("(KKKK)", (number)owner->stack, (number)owner->context, (number)owner->tag,
                         (number)owner->heap);
}

PyObject *value_of_pcs(const uint64_t *pcs, size_t count)
{
    PyObject *stack = PyTuple_New((Py_ssize_t)count), *pc;
    size_t at;
    for (at = 0; stack != NULL && at < count; at++) {
        pc = PyLong_FromUnsignedLongLong(pcs[at]);
        if (pc == NULL) {
            Py_CLEAR(stack);
        } else {
            PyTuple_SET_ITEM(stack, (Py_ssize_t)at, pc);
        }
    }
    return stack;
}

static PyObject *owner_item(const struct engine *engine, size_t index)
{
    return value_of_owner(&engine->owners.named[engine->owners.uses[index].name].owner);
}

/* An owner's index; -1 if it does not count. */
static long index_of_owner(uint32_t owner)
{
    return owner == NO_OWNER ? -1 : (long)owner;
}

static PyObject *value_of_use(const struct use *use)
{
    return Py_BuildValue("(KKKKKLLLLLL)", (number)use->allocations, (number)use->bytes, (number)use->frees,
                         (number)use->temporary, (number)use->lifetime, (long long)use->live_bytes,
                         (long long)use->live_blocks, (long long)use->peak_bytes, (long long)use->peak_blocks,
                         (long long)use->at_peak_bytes, (long long)use->at_peak_blocks);
}

static PyObject *use_item(const struct engine *engine, size_t index)
{
    return value_of_use(&engine->owners.uses[index]);
}

/* Adds to each node what its owners have. Peaks are its own. */
static void sum_nodes(const struct owners *owners, struct use *nodes)
{
    const struct use *use;
    struct use *node;
    size_t at, link;
    for (at = 0; at < owners->use_count; at++) {
        use = &owners->uses[at];
        for (link = 0; link < use->nodes; link++) {
            node = &nodes[owners->links[use->first_node + link]];
            node->allocations += use->allocations;
            node->bytes += use->bytes;
            node->frees += use->frees;
            node->temporary += use->temporary;
            node->lifetime += use->lifetime;
            node->at_peak_bytes += use->at_peak_bytes;
            node->at_peak_blocks += use->at_peak_blocks;
        }
    }
}

static PyObject *value_of_nodes(const struct engine *engine)
{
    const struct owners *owners = &engine->owners;
    struct use *nodes = PyMem_Calloc(owners->node_count + 1, sizeof *nodes);
    PyObject *values = nodes == NULL ? PyErr_NoMemory() : PyTuple_New((Py_ssize_t)owners->node_count);
    size_t at;
    if (values != NULL) {
        sum_nodes(owners, nodes);
    }
    for (at = 0; values != NULL && at < owners->node_count; at++) {
        nodes[at].live_bytes = owners->nodes[at].live_bytes;
        nodes[at].live_blocks = owners->nodes[at].live_blocks;
        nodes[at].peak_bytes = owners->nodes[at].peak_bytes;
        nodes[at].peak_blocks = owners->nodes[at].peak_blocks;
        PyObject *value = value_of_use(&nodes[at]);
        if (value == NULL) {
            Py_CLEAR(values);
        } else {
            PyTuple_SET_ITEM(values, (Py_ssize_t)at, value);
        }
    }
    PyMem_Free(nodes);
    return values;
}

static PyObject *stack_value(uint64_t number_of, const struct meaning *meaning)
{
    return Py_BuildValue("(KN)", (number)number_of,
                         value_of_pcs((const uint64_t *)(const void *)meaning->data, meaning->size / sizeof(uint64_t)));
}

static PyObject *name_value(uint64_t number_of, const struct meaning *meaning)
{
    return Py_BuildValue("(K(kN))", (number)number_of, (unsigned long)meaning->kind,
                         text_of(meaning->data, meaning->size));
}

PyObject *value_of_name(const struct engine *engine, uint64_t number_of)
{
    const struct meaning *meaning = numbers_get(&engine->names.used, number_of);
    if (meaning == NULL) {
        Py_RETURN_NONE;
    }
    return Py_BuildValue("(kN)", (unsigned long)meaning->kind, text_of(meaning->data, meaning->size));
}

static PyObject *heap_value(uint64_t number_of, const struct meaning *meaning)
{
    uint32_t capabilities;
    memcpy(&capabilities, meaning->data, sizeof capabilities);
    return Py_BuildValue("(K(Nkk))", (number)number_of,
                         text_of(meaning->data + sizeof capabilities, meaning->size - sizeof capabilities),
                         (unsigned long)meaning->kind, (unsigned long)capabilities);
}

/* Returns a list of the meanings of a table. */
static PyObject *value_of_meanings(const struct numbers *numbers,
                                   PyObject *(*maker)(uint64_t number, const struct meaning *meaning))
{
    PyObject *list = PyList_New(0);
    size_t at;
    for (at = 0; list != NULL && at < numbers->capacity; at++) {
        if (numbers->entries[at].value != NULL) {
            if (!append_item(list, maker(numbers->entries[at].number, numbers->entries[at].value))) {
                Py_CLEAR(list);
            }
        }
    }
    return list;
}

static PyObject *module_item(const struct engine *engine, size_t index)
{
    const struct module *module = &engine->others.modules[index];
    return Py_BuildValue("(Ky#N)", (number)module->base, (const char *)module->bytes, (Py_ssize_t)module->id_bytes,
                         text_of(module->bytes + module->id_bytes, module->path_bytes));
}

static PyObject *value_of_mark(const struct engine *engine, const struct mark *mark)
{
    return Py_BuildValue("(KNK)", (number)mark->seq, time_or_none(mark->time), (number)mark->name);
}

static PyObject *mark_item(const struct engine *engine, size_t index)
{
    return value_of_mark(engine, &engine->marks[index]);
}

/* Returns the end of a number: the beginning, those noted, the end of the log. */
static struct end end_of(const struct engine *engine, const struct ends *ends, size_t index)
{
    const struct end last = {{engine->totals.last_seq, engine->totals.last_time, 0}, engine->owners.use_count, NULL};
    return index == 0 ? ends->first : index <= ends->count ? ends->noted[index - 1] : last;
}

static size_t count_of_ends(const struct engine *engine, const struct ends *ends)
{
    return ends->is_begun ? 1 + ends->count + (ends->newest != engine->totals.events) : 0;
}

/* Returns an owner's live bytes at each end that knew it. */
static PyObject *value_of_row(const struct engine *engine, const struct ends *ends, size_t owner)
{
    const size_t count = count_of_ends(engine, ends);
    PyObject *row = PyList_New(0), *values;
    size_t at;
    for (at = 0; row != NULL && at < count; at++) {
        const struct end end = end_of(engine, ends, at);
        if (owner < end.count) {
            const int64_t live = end.live == NULL ? engine->owners.uses[owner].live_bytes : end.live[owner];
            if (!append_item(row, PyLong_FromLongLong(live))) {
                Py_CLEAR(row);
            }
        }
    }
    values = row == NULL ? NULL : PyList_AsTuple(row);
    Py_XDECREF(row);
    return values;
}

static PyObject *value_of_ends(const struct engine *engine, const struct ends *ends)
{
    const size_t count = count_of_ends(engine, ends), owners = engine->owners.use_count;
    PyObject *marks = PyTuple_New((Py_ssize_t)count), *rows = PyTuple_New((Py_ssize_t)owners), *item;
    size_t at;
    for (at = 0; marks != NULL && at < count; at++) {
        const struct end end = end_of(engine, ends, at);
        item = value_of_mark(engine, &end.mark);
        if (item == NULL) {
            Py_CLEAR(marks);
        } else {
            PyTuple_SET_ITEM(marks, (Py_ssize_t)at, item);
        }
    }
    for (at = 0; rows != NULL && at < owners; at++) {
        item = value_of_row(engine, ends, at);
        if (item == NULL) {
            Py_CLEAR(rows);
        } else {
            PyTuple_SET_ITEM(rows, (Py_ssize_t)at, item);
        }
    }
    return Py_BuildValue("(NN)", marks, rows);
}

static PyObject *bucket_item(const struct engine *engine, size_t index)
{
    const struct timeline *timeline = &engine->timeline;
    const struct bucket *bucket = index < timeline->count ? &timeline->buckets[index] : &timeline->now;
    const unsigned shift = timeline->shift;
    const uint64_t end = bucket->number << shift | ((UINT64_C(1) << shift) - 1);
    return Py_BuildValue("(KLLLLL)", (number)end, (long long)bucket->least_bytes, (long long)bucket->most_bytes,
                         (long long)bucket->last_bytes, (long long)bucket->most_blocks, (long long)bucket->last_blocks);
}

static PyObject *count_item(const struct engine *engine, size_t index)
{
    return PyLong_FromUnsignedLong(engine->others.counts[index]);
}

static PyObject *value_of_failure(const struct engine *engine)
{
    const struct others *others = &engine->others;
    const struct event *at = &engine->totals.failed_at;
    if (!engine->totals.has_failed) {
        Py_RETURN_NONE;
    }
    return Py_BuildValue("(KKNN)", (number)at->seq, (number)at->size,
                         text_of(others->function, others->has_failure ? others->function_bytes : 0),
                         text_of(others->text, others->has_failure ? others->text_bytes : 0));
}

static PyObject *value_of_process(const struct engine *engine)
{
    const struct others *others = &engine->others;
    if (!others->has_process) {
        Py_RETURN_NONE;
    }
    return Py_BuildValue("(kkKN)", (unsigned long)others->process.parent, (unsigned long)others->process.how,
                         (number)others->process.own_bytes, text_of(others->command, others->command_bytes));
}

static PyObject *oddity_item(const struct engine *engine, size_t index)
{
    static const char *const kinds[] = {"double", "interior", "unknown", "replaced"};
    const struct oddity *oddity = &engine->oddities[index];
    return Py_BuildValue("(sKKNl)", kinds[oddity->kind], (number)oddity->seq, (number)oddity->address,
                         value_of_owner(&oddity->owner), index_of_owner(oddity->block));
}

/* Returns the totals, in the order of model/profile.py. */
static PyObject *value_of_totals(const struct engine *engine)
{
    const struct totals *totals = &engine->totals;
    const bool has_events = totals->events != 0;
    const bool has_peak = totals->peak != 0 && totals->peak_seq != NO_NUMBER;
    const uint64_t lost = engine->others.lost, unread = engine->others.unread;
    const uint64_t invalid = lost == 0 && unread == 0 ? totals->unknown_frees : 0;
    return Py_BuildValue(
        "(KKKKKKKKKKKLLLLLNNKKNNNNK)", (number)totals->events, (number)totals->allocations, (number)totals->frees,
        (number)totals->bytes, (number)totals->temporary, (number)totals->failed, (number)totals->double_frees,
        (number)totals->interior_frees, (number)invalid, (number)(totals->older + totals->unknown_frees - invalid),
        (number)totals->replaced, (long long)totals->live_bytes, (long long)totals->live_blocks,
        (long long)totals->peak_bytes, (long long)totals->peak_blocks, (long long)totals->at_peak_blocks,
        number_or_none(totals->peak_seq, has_peak), time_or_none(has_peak ? totals->peak_time : NO_NUMBER),
        (number)lost, (number)unread, number_or_none(totals->first.seq, has_events),
        number_or_none(totals->last_seq, has_events), time_or_none(has_events ? totals->first.time : NO_NUMBER),
        time_or_none(has_events ? totals->last_time : NO_NUMBER), (number)totals->restarts);
}

PyObject *value_of_profile(const struct engine *engine)
{
    return Py_BuildValue("{sNsNsNsNsNsNsNsNsNsKsNsNsNsNsNsNsKsN}", "totals", value_of_totals(engine), "owners",
                         tuple_of(engine, engine->owners.use_count, owner_item), "uses",
                         tuple_of(engine, engine->owners.use_count, use_item), "nodes", value_of_nodes(engine),
                         "stacks", value_of_meanings(&engine->stacks.used, stack_value), "names",
                         value_of_meanings(&engine->names.used, name_value), "heaps",
                         value_of_meanings(&engine->others.heaps, heap_value), "modules",
                         tuple_of(engine, engine->others.module_count, module_item), "marks",
                         tuple_of(engine, engine->mark_count, mark_item), "marks_left",
                         (number)engine->totals.marks_left, "by_mark", value_of_ends(engine, &engine->by_mark),
                         "by_time", value_of_ends(engine, &engine->by_time), "timeline",
                         tuple_of(engine, engine->timeline.count + engine->timeline.is_open, bucket_item), "counts",
                         tuple_of(engine, engine->others.has_counts ? ENGINE_COUNTERS : 0, count_item), "failure",
                         value_of_failure(engine), "oddities",
                         tuple_of(engine, engine->oddity_count[0] + engine->oddity_count[1], oddity_item), "runs",
                         (number)engine->runs, "process", value_of_process(engine));
}

static PyObject *value_of_block(const struct engine *engine, const struct block *block)
{
    const bool is_known = block->seq != NO_NUMBER;
    return Py_BuildValue("(KKlNNO)", (number)block->address, (number)block_size(block),
                         index_of_owner(block_owner(block)), number_or_none(block->seq, is_known),
                         number_or_none(block->moment, is_known && engine->has_clock), Py_False);
}

static PyObject *value_of_range(const struct engine *engine, const struct range *range)
{
    return Py_BuildValue("(KKlKNO)", (number)range->start, (number)(range->end - range->start),
                         index_of_owner(range->owner), (number)range->seq,
                         number_or_none(range->moment, engine->has_clock), Py_True);
}

PyObject *value_of_live(const struct engine *engine)
{
    const struct blocks *blocks = &engine->blocks;
    const struct ranges *ranges = &engine->ranges;
    PyObject *list = PyList_New(0);
    size_t at;
    for (at = 0; list != NULL && at < blocks->capacity; at++) {
        const struct block *block = blocks_at(blocks, at);
        if (block != NULL && block_owner(block) != NO_OWNER && !append_item(list, value_of_block(engine, block))) {
            Py_CLEAR(list);
        }
    }
    for (at = 0; list != NULL && at < ranges->count; at++) {
        const struct range *range = &ranges->entries[at];
        if (range->owner != NO_OWNER && !append_item(list, value_of_range(engine, range))) {
            Py_CLEAR(list);
        }
    }
    return list;
}

static PyObject *value_of_life(const struct engine *engine, const struct life *life)
{
    const bool is_numbered = life->is_known && life->seq != NO_NUMBER;
    PyObject *freed_owner = life->is_freed ? value_of_owner(&life->freed_owner) : Py_BuildValue("");
    return Py_BuildValue("(KNlNNNN)", (number)life->address, number_or_none(life->size, life->is_known),
                         index_of_owner(life->owner), number_or_none(life->seq, is_numbered),
                         time_or_none(is_numbered ? life->time : NO_NUMBER),
                         number_or_none(life->freed_seq, life->is_freed), freed_owner);
}

PyObject *value_of_past(const struct engine *engine)
{
    const size_t kept = engine->life_count < ENGINE_MOST_LIVES ? engine->life_count : ENGINE_MOST_LIVES;
    PyObject *list = PyList_New(0);
    size_t at;
    for (at = 1; list != NULL && at <= kept; at++) {
        const struct life *life = &engine->lives[(engine->life_count - at) % ENGINE_MOST_LIVES];
        if (!append_item(list, value_of_life(engine, life))) {
            Py_CLEAR(list);
        }
    }
    return list;
}

/* The fields of a LogEvent. */
static PyObject *value_of_event(const struct engine *engine, const struct tail_event *kept)
{
    const struct event *event = &kept->event;
    const struct owner *owner = &kept->owner;
    const bool is_linked = event->kind == MEMTRACE_REALLOC_END && event->distance != NO_NUMBER;
    return Py_BuildValue("(kKKKKKKkKNN)", (unsigned long)event->kind, (number)event->address, (number)event->size,
                         (number)owner->heap, (number)owner->stack, (number)owner->context, (number)owner->tag,
                         (unsigned long)event->core, (number)event->seq, time_or_none(event->time),
                         number_or_none(event->distance, is_linked));
}

PyObject *value_of_tail(const struct engine *engine)
{
    const uint64_t all = engine->tail_count, kept = all < engine->wish.tail ? all : engine->wish.tail;
    PyObject *list = PyList_New(0);
    uint64_t at;
    for (at = all - kept; list != NULL && at < all; at++) {
        if (!append_item(list, value_of_event(engine, &engine->tail[at % engine->wish.tail]))) {
            Py_CLEAR(list);
        }
    }
    return list;
}
