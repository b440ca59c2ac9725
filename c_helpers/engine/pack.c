/* SPDX-License-Identifier: Apache-2.0
 *
 * Packs: columns of bytes become events.
 *
 * Approach: a few hundred events at a time, so that their words stay in the nearest cache; one loop for each plane, which a
 * compiler turns into vectors. */
#include "log.h"
#include "step.h"
#include "streams.h"

#include <string.h>

enum { BATCH = 256, WORDS = 3, MOST_PLANES = 8 * WORDS + 5 };

#define PACK_MOST_COLUMNS ((size_t)MOST_PLANES * ENGINE_MOST_PACKED)

_Static_assert(sizeof(struct memtrace_pack) == 32, "the head of a pack");

struct pack {
    uint64_t first, time, present;
    const unsigned char *planes[MOST_PLANES];
};

struct batch {
    uint64_t words[WORDS + 1][BATCH];
    uint64_t deltas[BATCH];
};

static size_t pack_planes(const struct layout *layout)
{
    return WORDS * (size_t)layout->width + 5;
}

/* Returns the bytes that a pack's columns must have. */
static size_t pack_bytes(uint64_t present, size_t planes, uint64_t events)
{
    size_t plane, bytes = 0;
    for (plane = 0; plane < planes; plane++) {
        bytes += present >> plane & 1 ? (size_t)events : 1;
    }
    return bytes;
}

/* Returns the columns, of `size` bytes, or NULL if there are none. */
static const unsigned char *pack_columns(struct engine *engine, uint64_t compression, const unsigned char *packed,
                                         size_t count, size_t size)
{
    enum engine_answer answer;
    if (compression == MEMTRACE_PLAIN) {
        return count == size ? packed : NULL;
    }
    if (compression != MEMTRACE_ZSTD || engine->calls.unpack == NULL) {
        return NULL;
    }
    if (engine->parser.columns == NULL) {
        engine->parser.columns = memory_new(&engine->memory, PACK_MOST_COLUMNS);
    }
    if (engine->parser.columns == NULL) {
        engine->status = ENGINE_NO_MEMORY;
        return NULL;
    }
    answer = engine->calls.unpack(engine->calls.context, packed, count, engine->parser.columns, size);
    if (answer == ENGINE_FAILED) {
        engine->status = ENGINE_CALL_FAILED;
    }
    return answer == ENGINE_YES ? engine->parser.columns : NULL;
}

/* Adds a plane to a column of words. */
static void plane_add(uint64_t *words, const unsigned char *plane, bool is_full, size_t at, size_t count,
                      unsigned shift)
{
    size_t row;
    if (!is_full) {
        for (row = 0; row < count && *plane; row++) {
            words[row] |= (uint64_t)*plane << shift;
        }
        return;
    }
    for (row = 0; row < count; row++) {
        words[row] |= (uint64_t)plane[at + row] << shift;
    }
}

static void batch_fill(struct batch *batch, const struct layout *layout, const struct pack *pack, size_t at,
                       size_t count)
{
    const size_t planes = pack_planes(layout), last = WORDS * (size_t)layout->width;
    size_t plane;
    memset(batch, 0, sizeof *batch);
    for (plane = 0; plane < planes; plane++) {
        uint64_t *words = plane <= last ? batch->words[plane / layout->width] : batch->deltas;
        const size_t byte = plane < last ? plane % layout->width : plane == last ? 0 : plane - last - 1;
        plane_add(words, pack->planes[plane], pack->present >> plane & 1, at, count, 8 * (unsigned)byte);
    }
}

static void batch_take(struct engine *engine, size_t stream, struct pack *pack, const struct batch *batch, size_t count)
{
    const struct layout *layout = &engine->parser.layout;
    const bool is_plain = !layout->has_streams && replay_is_plain(engine);
    uint64_t words[WORDS + 1], kind;
    uint64_t time;
    size_t row, word;
    for (row = 0; row < count && engine->status == ENGINE_GOOD; row++, pack->first++) {
        pack->time += batch->deltas[row];
        for (word = 0; word <= WORDS; word++) {
            words[word] = batch->words[word][row];
        }
        kind = words[WORDS] & layout->kind_mask;
        if (kind >= 32 || !(LOG_EVENTS >> kind & 1)) {
            engine->parser.unread++;
            continue;
        }
        time = layout->has_clock ? pack->time : NO_NUMBER;
        if (is_plain && (kind == MEMTRACE_ALLOC || kind == MEMTRACE_FREE)) {
            struct event event;
            event_fill(&event, layout, kind, words);
            event.own = event.seq = pack->first;
            event.time = time;
            step_plain(engine, &event);
        } else {
            streams_take(engine, stream, words, pack->first, time);
        }
    }
}

/* Reads the head of a pack, and finds its planes. false: it makes no sense. */
static bool pack_open(struct engine *engine, struct pack *pack, uint64_t events, const unsigned char *payload,
                      size_t count)
{
    const struct layout *layout = &engine->parser.layout;
    const size_t planes = pack_planes(layout);
    const unsigned char *columns;
    size_t size, plane;
    if (count < sizeof(struct memtrace_pack) || events == 0 || events > ENGINE_MOST_PACKED) {
        return false;
    }
    pack->first = layout_number(payload, 8, layout->is_big);
    pack->time = layout_number(payload + 8, 8, layout->is_big);
    pack->present = layout_number(payload + 16, 8, layout->is_big);
    size = pack_bytes(pack->present, planes, events);
    if (pack->present >> planes || layout_number(payload + 28, 4, layout->is_big) != size) {
        return false;
    }
    columns = pack_columns(engine, layout_number(payload + 24, 4, layout->is_big), payload + 32, count - 32, size);
    for (plane = 0; columns != NULL && plane < planes; plane++) {
        pack->planes[plane] = columns;
        columns += pack->present >> plane & 1 ? (size_t)events : 1;
    }
    return columns != NULL;
}

void pack_take(struct engine *engine, size_t index, uint64_t events, const unsigned char *payload, size_t count)
{
    struct stream *stream = &engine->streams.all[index];
    struct batch batch;
    struct pack pack;
    size_t at, rows;
    if (!pack_open(engine, &pack, events, payload, count) || pack.first < stream->due ||
        pack.first >= LOG_HIGHEST - events) {
        engine->parser.unread++;
        return;
    }
    engine->parser.lost += pack.first - stream->due;
    stream->due = pack.first + events;
    for (at = 0; at < events && engine->status == ENGINE_GOOD; at += rows) {
        rows = events - at < BATCH ? (size_t)events - at : BATCH;
        batch_fill(&batch, &engine->parser.layout, &pack, at, rows);
        batch_take(engine, index, &pack, &batch, rows);
    }
}

void pack_clear(struct engine *engine)
{
    memory_release(&engine->memory, engine->parser.columns, PACK_MOST_COLUMNS);
    engine->parser.columns = NULL;
}
