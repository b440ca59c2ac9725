/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows are taken from where the caller has them. The two layouts that all writers use have loops of their own, in which
 * shifts and masks are constants. */
#include "log.h"

#include "definitions.h"
#include "step.h"
#include "streams.h"

#include <string.h>

enum {
    FIRST_PAYLOAD = 16,
    PREFETCH_ROWS = 12,
    FIRST_ROWS = 256, /* before it is looked whether the replay has become plain */
    LONGEST_DEFINITION = 1 << 16,
    LONGEST_PAYLOAD = 1 << 21,
    MOST_ROWS = 8192,     /* before the number of waiting events is looked at */
    MANY_BLOCKS = 1 << 15 /* they do not fit into the second cache */
};

static const unsigned char MAGIC[8] = {MEMTRACE_MAGIC_FIRST, MEMTRACE_MAGIC_REST};

INLINE uint64_t word_read(const unsigned char *bytes, unsigned width, bool is_big)
{
    const bool is_other = is_big != (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__);
    uint64_t wide;
    uint32_t narrow;
    if (width == sizeof narrow) {
        memcpy(&narrow, bytes, sizeof narrow);
        return is_other ? __builtin_bswap32(narrow) : narrow;
    }
    memcpy(&wide, bytes, sizeof wide);
    return is_other ? __builtin_bswap64(wide) : wide;
}

/* Reads the words of a row. */
INLINE void row_words(const unsigned char *row, const struct layout *layout, uint64_t *words)
{
    size_t word;
    for (word = 0; word < 4; word++) {
        words[word] = word_read(row + word * layout->width, layout->width, layout->is_big);
    }
}

static void sync_take(struct engine *engine, struct stream *stream, const struct layout *layout,
                      const unsigned char *row)
{
    const uint64_t word_mask = layout->width == 4 ? UINT32_MAX : UINT64_MAX;
    const uint64_t early = (layout->time_mask + 1) / 4;
    uint64_t words[4], behind, moment;
    bool is_numbered;
    row_words(row, layout, words);
    behind = stream->due + ((words[2] - stream->due) & word_mask);
    moment = (words[0] & UINT32_MAX) | words[1] << 32;
    is_numbered = (words[3] >> layout->seq_shift & layout->seq_mask) != (words[2] & layout->seq_mask);
    if (behind >= LOG_HIGHEST || behind < stream->due) {
        engine->parser.unread++;
        return;
    }
    engine->parser.lost += behind > stream->due + is_numbered ? behind - stream->due - is_numbered : 0;
    stream->due = behind;
    stream->least = moment > early ? moment - early : 0;
}

/* Takes an event of a row which is not a plain one. */
static void event_take(struct engine *engine, const struct layout *layout, const unsigned char *row, uint64_t own,
                       uint64_t time)
{
    uint64_t words[4];
    row_words(row, layout, words);
    streams_take(engine, engine->parser.stream, words, own, time);
}

static void older_take(struct engine *engine, const struct layout *layout, const unsigned char *row)
{
    struct event event = {0};
    uint64_t words[4];
    row_words(row, layout, words);
    event_fill(&event, layout, MEMTRACE_LIVE_BLOCK, words);
    event.seq = event.time = NO_NUMBER;
    replay_event(engine, &event);
}

/* Takes a row that has a number. Of its stream `due` and `least` are told apart, as every row needs them. */
INLINE void row_take(struct engine *engine, uint64_t *due, uint64_t least, const struct layout *layout,
                     const unsigned char *row, const uint64_t *words, bool is_plain)
{
    const uint64_t kind = words[3] & layout->kind_mask;
    const uint64_t step = ((words[3] >> layout->seq_shift) - *due) & layout->seq_mask;
    const uint64_t own = *due + step;
    const uint64_t whole = least + (((words[3] >> layout->time_shift) - least) & layout->time_mask);
    const uint64_t time = engine->parser.layout.has_clock ? whole : NO_NUMBER;
    if (step != 0) {
        engine->parser.lost += step;
    }
    *due = own + 1;
    if (is_plain && (kind == MEMTRACE_ALLOC || kind == MEMTRACE_FREE)) {
        const struct event event = {.address = words[0],
                                    .size = words[1] & layout->size_mask,
                                    .heap = words[1] >> layout->heap_shift,
                                    .whose = words[2],
                                    .own = own,
                                    .seq = own,
                                    .time = time,
                                    .kind = (uint32_t)kind};
        step_plain(engine, &event);
    } else if (LOG_EVENTS >> kind & 1) {
        event_take(engine, layout, row, own, time);
    }
}

/* Asks for the place of a row's block, and for the block of a nearer row, before they are needed. */
INLINE void rows_prefetch(const struct engine *engine, const unsigned char *row, const struct layout *layout)
{
    const struct blocks *blocks = &engine->blocks;
    const unsigned char *far = row + (size_t)PREFETCH_ROWS * layout->event_size;
    const unsigned char *near = row + (size_t)PREFETCH_ROWS / 2 * layout->event_size;
    const size_t place = blocks_home(blocks, word_read(near, layout->width, layout->is_big));
    __builtin_prefetch(&blocks->places[blocks_home(blocks, word_read(far, layout->width, layout->is_big))], 1);
    if (blocks->places[place] != 0) {
        __builtin_prefetch(blocks_numbered(blocks, blocks->places[place] - 1), 1);
    }
}

/* Takes a row that has no number. Returns false if it is a record with a payload. */
static bool row_take_other(struct engine *engine, struct stream *stream, const struct layout *layout,
                           const unsigned char *row)
{
    uint64_t words[4], kind;
    row_words(row, layout, words);
    kind = words[3] & layout->kind_mask;
    if (kind == MEMTRACE_SYNC) {
        sync_take(engine, stream, layout, row);
    } else if (words[3] == MEMTRACE_LIVE_BLOCK) {
        older_take(engine, layout, row);
    } else if (words[3] == kind && kind >= FIRST_PAYLOAD && kind < MEMTRACE_BUSY) {
        return false;
    } else {
        engine->parser.unread += (words[0] | words[1] | words[2] | words[3]) != 0;
    }
    return true;
}

/* Takes rows up to a header or a record with a payload. Returns how many. */
INLINE size_t rows_take(struct engine *engine, const unsigned char *bytes, size_t rows, const struct layout *layout,
                        bool is_plain)
{
    struct stream *stream = &engine->streams.all[engine->parser.stream];
    const unsigned char *row = bytes;
    uint64_t words[4], due = stream->due, least = stream->least;
    size_t at;
    for (at = 0; at < rows && engine->status == ENGINE_GOOD; at++, row += layout->event_size) {
        if (memcmp(row, MAGIC, sizeof MAGIC) == 0) {
            break;
        }
        if (engine->blocks.count > MANY_BLOCKS && at + PREFETCH_ROWS < rows) {
            rows_prefetch(engine, row, layout);
        }
        row_words(row, layout, words);
        if ((words[3] & layout->kind_mask) < 32 && (LOG_NUMBERED >> (words[3] & layout->kind_mask) & 1)) {
            row_take(engine, &due, least, layout, row, words, is_plain);
            continue;
        }
        stream->due = due;
        if (!row_take_other(engine, stream, layout, row)) {
            break;
        }
        due = stream->due;
        least = stream->least;
    }
    stream->due = due;
    return at;
}

#define USUAL_FIELDS(context, tag, half, seq, time) \
    .tag_shift = (context), .stack_shift = (context) + (tag), .core_shift = 5, .seq_shift = 8, \
    .time_shift = 8 + (seq), .context_mask = (UINT64_C(1) << (context)) - 1, .tag_mask = 255, \
    .stack_mask = (UINT64_C(1) << (half)) - 1, .kind_mask = 31, .core_mask = 7, \
    .seq_mask = (UINT64_C(1) << (seq)) - 1, .time_mask = (UINT64_C(1) << (time)) - 1

/* Layouts of one stream, little-endian, in the widths of memtrace_format.h. */
static const struct layout USUAL32 = {
    .width = 4, .event_size = 16, .heap_shift = 27, .size_mask = (1u << 27) - 1, USUAL_FIELDS(8, 8, 16, 12, 12)};
static const struct layout USUAL64 = {.width = 8,
                                      .event_size = 32,
                                      .heap_shift = 59,
                                      .size_mask = (UINT64_C(1) << 59) - 1,
                                      USUAL_FIELDS(24, 8, 32, 28, 28)};

/* Tells whether rows are laid out as usual. A mask follows from the shifts beside it. */
static bool layout_is(const struct layout *layout, const struct layout *usual)
{
    return layout->width == usual->width && layout->is_big == usual->is_big && !layout->has_streams &&
           layout->heap_shift == usual->heap_shift && layout->tag_shift == usual->tag_shift &&
           layout->stack_shift == usual->stack_shift && layout->core_shift == usual->core_shift &&
           layout->seq_shift == usual->seq_shift && layout->time_shift == usual->time_shift;
}

static size_t rows_usual32(struct engine *engine, const unsigned char *bytes, size_t rows)
{
    return replay_is_plain(engine) ? rows_take(engine, bytes, rows, &USUAL32, true)
                                   : rows_take(engine, bytes, rows < FIRST_ROWS ? rows : FIRST_ROWS, &USUAL32, false);
}

static size_t rows_usual64(struct engine *engine, const unsigned char *bytes, size_t rows)
{
    return replay_is_plain(engine) ? rows_take(engine, bytes, rows, &USUAL64, true)
                                   : rows_take(engine, bytes, rows < FIRST_ROWS ? rows : FIRST_ROWS, &USUAL64, false);
}

static size_t rows_any(struct engine *engine, const unsigned char *bytes, size_t rows)
{
    return rows_take(engine, bytes, rows, &engine->parser.layout, false);
}

/* Goes on behind `count` bytes. Where a region ends, the stream is number 0 again. */
static size_t parser_pass(struct parser *parser, uint64_t count)
{
    if (parser->is_bounded) {
        parser->left -= count < parser->left ? count : parser->left;
        if (parser->left == 0) {
            parser->stream = 0;
            parser->is_bounded = false;
        }
    }
    return (size_t)count;
}

static void region_take(struct engine *engine, uint64_t name, const unsigned char *payload, size_t count)
{
    struct parser *parser = &engine->parser;
    const struct layout *layout = &parser->layout;
    const bool is_long = count >= sizeof(struct memtrace_stream);
    const uint64_t bytes = is_long ? layout_number(payload, 8, layout->is_big) : 1;
    const uint64_t least = is_long ? layout_number(payload + 8, 8, layout->is_big) : 0;
    size_t stream;
    if (bytes % layout->event_size != 0 || !layout->has_streams) {
        parser->unread++;
        return;
    }
    if (!streams_find(engine, name, &stream)) {
        return;
    }
    parser->stream = stream;
    parser->left = bytes;
    parser->is_bounded = bytes != 0;
    streams_earlier(engine, least);
}

static uint64_t payload_longest(uint64_t kind, const struct layout *layout)
{
    if (kind == MEMTRACE_DEF_STACK) {
        return (uint64_t)ENGINE_MOST_FRAMES * layout->width;
    }
    return kind < MEMTRACE_PACK || (kind >= MEMTRACE_STREAM && kind <= MEMTRACE_PROCESS) ? LONGEST_DEFINITION
                                                                                         : LONGEST_PAYLOAD;
}

/* Returns where a header begins in a record of `total` bytes, of which `count` are here; `total` if in none of it. */
static size_t payload_magic(const unsigned char *bytes, size_t count, size_t total, size_t step)
{
    size_t at;
    for (at = step; at < total && at + sizeof MAGIC <= count; at += step) {
        if (memcmp(bytes + at, MAGIC, sizeof MAGIC) == 0) {
            return at;
        }
    }
    return total;
}

static void record_take(struct engine *engine, uint64_t kind, uint64_t number, uint64_t heap, size_t stream,
                        const unsigned char *payload, size_t count)
{
    if (kind == MEMTRACE_PACK) {
        pack_take(engine, stream, number, payload, count);
    } else if (kind == MEMTRACE_STREAM) {
        region_take(engine, number, payload, count);
    } else if (engine->is_wanted && !definitions_take(engine, kind, number, heap, payload, count)) {
        engine->parser.unread++;
    }
}

/* Takes a record with a payload. Returns the bytes behind which to go on; 0: more are needed. */
static size_t record_parse(struct engine *engine, const unsigned char *bytes, size_t count)
{
    struct parser *parser = &engine->parser;
    const struct layout *layout = &parser->layout;
    const uint64_t number = word_read(bytes, layout->width, layout->is_big);
    const uint64_t sizes = word_read(bytes + layout->width, layout->width, layout->is_big);
    const uint64_t kind = word_read(bytes + 3u * layout->width, layout->width, layout->is_big);
    const uint64_t length = sizes & layout->size_mask;
    const size_t stream = parser->stream;
    size_t total, magic;
    if (length > payload_longest(kind, layout)) {
        parser->unread++;
        return parser_pass(parser, layout->event_size);
    }
    total = layout->event_size + (size_t)layout_padded(layout, length);
    if (parser->is_bounded && total > parser->left) {
        parser->unread++;
        return parser_pass(parser, layout->event_size);
    }
    magic = payload_magic(bytes, count, total, layout->event_size);
    if (magic < total) {
        return magic;
    }
    if (count < total) {
        parser->need = total;
        return 0;
    }
    parser_pass(parser, total);
    record_take(engine, kind, number, sizes >> layout->heap_shift, stream, bytes + layout->event_size, (size_t)length);
    return total;
}

static size_t records_parse(struct engine *engine, const unsigned char *bytes, size_t count)
{
    struct parser *parser = &engine->parser;
    const struct layout *layout = &parser->layout;
    const uint64_t most = parser->is_bounded && parser->left < count ? parser->left : count;
    const size_t fitting = (size_t)most / layout->event_size, rows = fitting < MOST_ROWS ? fitting : MOST_ROWS;
    size_t taken;
    if (rows == 0) {
        parser->need = layout->event_size;
        return 0;
    }
    taken = parser->rows(engine, bytes, rows);
    streams_limit(engine);
    if (taken != 0 || engine->status != ENGINE_GOOD) {
        return parser_pass(parser, (uint64_t)taken * layout->event_size);
    }
    return record_parse(engine, bytes, count);
}

/* Begins a run with the header that is here. Returns the bytes behind which to go on; 0: more are needed. */
static size_t run_parse(struct engine *engine, const unsigned char *bytes, size_t count)
{
    struct parser *parser = &engine->parser;
    enum layout_problem problem;
    struct layout layout;
    if (count < HEADER_BYTES) {
        parser->need = HEADER_BYTES;
        return 0;
    }
    problem = layout_read(&layout, bytes);
    if (problem == LAYOUT_REFUSED || (problem == LAYOUT_BAD && !parser->has_header)) {
        memcpy(engine->header, bytes, HEADER_BYTES);
        engine->status = ENGINE_NO_LOG;
        return 0;
    }
    if (problem == LAYOUT_BAD) {
        parser->unread++;
        return parser_pass(parser, parser->layout.event_size);
    }
    if (count < layout.header_bytes) {
        parser->need = layout.header_bytes;
        return 0;
    }
    streams_rest(engine);
    parser->has_header = true;
    parser->layout = layout;
    parser->rows = layout_is(&layout, &USUAL32) ? rows_usual32 : layout_is(&layout, &USUAL64) ? rows_usual64 : rows_any;
    parser->stream = 0;
    parser->is_bounded = false;
    if (!streams_start(engine)) {
        return 0;
    }
    replay_begin(engine);
    if (engine->is_wanted) {
        definitions_forget(engine);
    }
    return layout.header_bytes;
}

size_t log_parse(struct engine *engine, const unsigned char *bytes, size_t count)
{
    struct parser *parser = &engine->parser;
    size_t at = 0, left = count;
    parser->need = 0;
    while (parser->need == 0 && engine->status == ENGINE_GOOD) {
        const bool is_header =
            !parser->has_header || (left >= sizeof MAGIC && memcmp(bytes + at, MAGIC, sizeof MAGIC) == 0);
        at += is_header ? run_parse(engine, bytes + at, left) : records_parse(engine, bytes + at, left);
        left = count - at;
    }
    return at;
}
