/* SPDX-License-Identifier: Apache-2.0 */
#include "streams.h"

#include "log.h"
#include "replay.h"
#include "step.h"

#include <string.h>

enum {
    AHEAD = 8,           /* events of a stream */
    FEW_BLOCKS = 1 << 12 /* they stay near by themselves */
};

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

static struct next stream_next(const struct streams *streams, size_t index)
{
    const struct stream *stream = &streams->all[index];
    const struct waiting *first = &stream->events[stream->first];
    return (struct next){first->top, first->own, index};
}

/* Tells whether the first waiting event of one stream is before another's. */
static bool next_is_before(const struct streams *streams, const struct next *a, const struct next *b)
{
    if (a->top != b->top) {
        return a->top < b->top;
    }
    return a->own != b->own ? a->own < b->own : streams->all[a->stream].name < streams->all[b->stream].name;
}

static bool heap_add(struct engine *engine, size_t stream)
{
    struct streams *streams = &engine->streams;
    const struct next added = stream_next(streams, stream);
    size_t at = streams->heap_count;
    struct next *heap = memory_room(&engine->memory, streams->heap, &streams->heap_capacity, at, sizeof *heap);
    if (heap == NULL) {
        return false;
    }
    streams->heap = heap;
    streams->heap_count++;
    for (; at != 0 && next_is_before(streams, &added, &heap[(at - 1) / 2]); at = (at - 1) / 2) {
        heap[at] = heap[(at - 1) / 2];
    }
    heap[at] = added;
    return true;
}

/* Puts `moved` in the place of what is on top of the heap, and finds its place. */
static void heap_replace(struct streams *streams, struct next moved)
{
    struct next *heap = streams->heap;
    size_t at = 0, least;
    for (least = 1; least < streams->heap_count; least = 2 * at + 1) {
        if (least + 1 < streams->heap_count && next_is_before(streams, &heap[least + 1], &heap[least])) {
            least++;
        }
        if (!next_is_before(streams, &heap[least], &moved)) {
            break;
        }
        heap[at] = heap[least];
        at = least;
    }
    heap[at] = moved;
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

/* Fills in an event whose place among all is `seq`. */
static void event_of(const struct engine *engine, const struct waiting *waiting, size_t stream, uint64_t seq,
                     struct event *event)
{
    const struct layout *layout = &engine->parser.layout;
    event_fill(event, layout, waiting->words[3] & layout->kind_mask, waiting->words);
    event->own = waiting->own;
    event->time = waiting->time;
    event->stream = stream;
    event->seq = seq;
}

void streams_take(struct engine *engine, size_t index, const uint64_t *words, uint64_t own, uint64_t time)
{
    struct stream *stream = &engine->streams.all[index];
    const struct waiting made = {time != NO_NUMBER && time > stream->top ? time : stream->top,
                                 {words[0], words[1], words[2], words[3]},
                                 own,
                                 time};
    size_t place;
    if (!engine->parser.layout.has_streams) {
        struct event event;
        event_of(engine, &made, index, own, &event);
        replay_event(engine, &event);
        return;
    }
    stream->top = made.top;
    if (!stream_widen(engine, stream)) {
        engine->status = ENGINE_NO_MEMORY;
        return;
    }
    place = stream->first + stream->count++;
    stream->events[place < stream->capacity ? place : place - stream->capacity] = made;
    engine->streams.waiting++;
    if (stream->count == 1 && !heap_add(engine, index)) {
        engine->status = ENGINE_NO_MEMORY;
    }
}

/* Asks for what the next event of a stream needs, and for the event behind that. */
static void stream_prefetch(const struct engine *engine, const struct stream *stream)
{
    const struct blocks *blocks = &engine->blocks;
    __builtin_prefetch(&stream->events[stream->first] + AHEAD);
    if (blocks->count > FEW_BLOCKS) {
        __builtin_prefetch(&blocks->places[blocks_home(blocks, stream->events[stream->first].words[0])]);
    }
}

/* Replays the event that is next. */
static void streams_next(struct engine *engine, bool is_plain)
{
    struct streams *streams = &engine->streams;
    const size_t index = streams->heap[0].stream;
    struct stream *stream = &streams->all[index];
    struct event event;
    event_of(engine, &stream->events[stream->first], index, streams->place++, &event);
    stream->first = stream->first + 1 == stream->capacity ? 0 : stream->first + 1;
    stream->count--;
    streams->waiting--;
    if (stream->count != 0) {
        stream_prefetch(engine, stream);
        heap_replace(streams, stream_next(streams, index));
    } else if (--streams->heap_count != 0) {
        heap_replace(streams, streams->heap[streams->heap_count]);
    }
    if (is_plain && (event.kind == MEMTRACE_ALLOC || event.kind == MEMTRACE_FREE)) {
        step_plain(engine, &event);
    } else {
        replay_event(engine, &event);
    }
}

static bool streams_have_next(const struct engine *engine)
{
    return engine->streams.heap_count != 0 && engine->status == ENGINE_GOOD;
}

void streams_earlier(struct engine *engine, uint64_t limit)
{
    const struct streams *streams = &engine->streams;
    while (streams_have_next(engine) && streams->heap[0].top < limit) {
        streams_next(engine, replay_is_plain(engine));
    }
}

void streams_rest(struct engine *engine)
{
    while (streams_have_next(engine)) {
        streams_next(engine, replay_is_plain(engine));
    }
}

void streams_limit(struct engine *engine)
{
    while (engine->streams.waiting > ENGINE_MOST_WAITING && streams_have_next(engine)) {
        streams_next(engine, replay_is_plain(engine));
    }
}
