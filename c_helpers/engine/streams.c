/* SPDX-License-Identifier: Apache-2.0 */
#include "streams.h"

#include "replay.h"

#include <string.h>

void streams_clear(struct engine *engine)
{
    struct streams *streams = &engine->streams;
    struct stream *stream;
    size_t at;
    for (at = 0; at < streams->count; at++) {
        stream = &streams->all[at];
        memory_release(&engine->memory, stream->events, stream->capacity * sizeof *stream->events);
    }
    memory_release(&engine->memory, streams->all, streams->capacity * sizeof *streams->all);
    memory_release(&engine->memory, streams->heap, streams->heap_capacity * sizeof *streams->heap);
    numbers_clear(&streams->by_name, &engine->memory);
    streams->all = NULL;
    streams->heap = NULL;
    streams->capacity = streams->count = streams->heap_capacity = streams->heap_count = streams->waiting = 0;
    streams->place = 0;
}

bool streams_start(struct engine *engine)
{
    size_t first;
    streams_clear(engine);
    return streams_find(engine, 0, &first);
}

bool streams_find(struct engine *engine, uint64_t name, size_t *index)
{
    struct streams *streams = &engine->streams;
    const uintptr_t known = (uintptr_t)numbers_get(&streams->by_name, name);
    struct stream *all;
    if (known != 0) {
        *index = known - 1;
        return true;
    }
    if (streams->count >= ENGINE_MOST_STREAMS) {
        engine->status = ENGINE_MANY_STREAMS;
        return false;
    }
    all = memory_room(&engine->memory, streams->all, &streams->capacity, streams->count, sizeof *all);
    if (all == NULL) {
        engine->status = ENGINE_NO_MEMORY;
        return false;
    }
    streams->all = all;
    *index = streams->count;
    if (!numbers_put(&streams->by_name, &engine->memory, name, (void *)(uintptr_t)(*index + 1))) {
        engine->status = ENGINE_NO_MEMORY;
        return false;
    }
    memset(&all[streams->count], 0, sizeof *all);
    all[streams->count++].name = name;
    return true;
}

/* Tells whether the first waiting event of one stream is before another's. */
static bool streams_is_before(const struct streams *streams, size_t one, size_t other)
{
    const struct stream *first = &streams->all[one], *second = &streams->all[other];
    const struct waiting *a = &first->events[first->first], *b = &second->events[second->first];
    if (a->top != b->top) {
        return a->top < b->top;
    }
    return a->event.own != b->event.own ? a->event.own < b->event.own : first->name < second->name;
}

static void heap_swap(size_t *heap, size_t one, size_t other)
{
    const size_t kept = heap[one];
    heap[one] = heap[other];
    heap[other] = kept;
}

static bool heap_add(struct engine *engine, size_t stream)
{
    struct streams *streams = &engine->streams;
    size_t at = streams->heap_count, *heap;
    heap = memory_room(&engine->memory, streams->heap, &streams->heap_capacity, at, sizeof *heap);
    if (heap == NULL) {
        return false;
    }
    streams->heap = heap;
    heap[at] = stream;
    streams->heap_count++;
    for (; at != 0 && streams_is_before(streams, heap[at], heap[(at - 1) / 2]); at = (at - 1) / 2) {
        heap_swap(heap, at, (at - 1) / 2);
    }
    return true;
}

/* The stream on top of the heap has another first event, or none: `heap[0]` finds its place. */
static void heap_sift(struct streams *streams)
{
    size_t *heap = streams->heap, at = 0, least;
    for (;;) {
        least = 2 * at + 1;
        if (least >= streams->heap_count) {
            return;
        }
        if (least + 1 < streams->heap_count && streams_is_before(streams, heap[least + 1], heap[least])) {
            least++;
        }
        if (!streams_is_before(streams, heap[least], heap[at])) {
            return;
        }
        heap_swap(heap, at, least);
        at = least;
    }
}

/* Makes room for one more event of a stream. */
static bool stream_widen(struct engine *engine, struct stream *stream)
{
    struct waiting *events = stream->events;
    const size_t before = stream->capacity, first = stream->first, behind = before - first;
    if (stream->count < before) {
        return true;
    }
    events = memory_room(&engine->memory, events, &stream->capacity, stream->count, sizeof *events);
    if (events == NULL) {
        return false;
    }
    stream->events = events;
    memmove(events + stream->capacity - behind, events + first, behind * sizeof *events);
    stream->first = before == 0 ? 0 : stream->capacity - behind;
    return true;
}

void streams_take(struct engine *engine, size_t index, struct event *event)
{
    struct stream *stream = &engine->streams.all[index];
    struct waiting *waiting;
    event->stream = index;
    if (!engine->parser.layout.has_streams) {
        event->seq = event->own;
        replay_event(engine, event);
        return;
    }
    if (engine->parser.layout.has_clock && event->time > stream->top) {
        stream->top = event->time;
    }
    if (!stream_widen(engine, stream)) {
        engine->status = ENGINE_NO_MEMORY;
        return;
    }
    waiting = &stream->events[(stream->first + stream->count++) % stream->capacity];
    waiting->top = stream->top;
    waiting->event = *event;
    engine->streams.waiting++;
    if (stream->count == 1 && !heap_add(engine, index)) {
        engine->status = ENGINE_NO_MEMORY;
    }
}

static void streams_next(struct engine *engine)
{
    struct streams *streams = &engine->streams;
    struct stream *stream = &streams->all[streams->heap[0]];
    struct event event = stream->events[stream->first].event;
    stream->first = (stream->first + 1) % stream->capacity;
    stream->count--;
    streams->waiting--;
    if (stream->count == 0) {
        streams->heap[0] = streams->heap[--streams->heap_count];
    }
    heap_sift(streams);
    event.seq = streams->place++;
    replay_event(engine, &event);
}

static bool streams_have_next(const struct engine *engine)
{
    return engine->streams.heap_count != 0 && engine->status == ENGINE_GOOD;
}

void streams_earlier(struct engine *engine, uint64_t limit)
{
    const struct streams *streams = &engine->streams;
    const struct stream *stream;
    while (streams_have_next(engine)) {
        stream = &streams->all[streams->heap[0]];
        if (stream->events[stream->first].top >= limit) {
            return;
        }
        streams_next(engine);
    }
}

void streams_rest(struct engine *engine)
{
    while (streams_have_next(engine)) {
        streams_next(engine);
    }
}

void streams_limit(struct engine *engine)
{
    while (engine->streams.waiting > ENGINE_MOST_WAITING && streams_have_next(engine)) {
        streams_next(engine);
    }
}
