/* SPDX-License-Identifier: Apache-2.0 */
#include "window.h"

#include <string.h>

#include "log.h"
#include "memtrace_log.h"

#define WORD sizeof(memtrace_word)
#define EVENT sizeof(memtrace_event)
#define ROW_WORDS (EVENT / WORD)
#define PLANES (3u * WORD + 5u)
#define EVENTS_LEAST 64u /* a window of fewer is not worth a pack */

/* The room that a pack of `events` takes at most. */
static size_t pack_room(size_t events)
{
    return MEMTRACE_LOG_PAYLOAD_BYTES(sizeof(struct memtrace_pack) + PLANES * events);
}

/* SKIP, pack's room, a SYNC and the rows. */
static size_t window_bytes(size_t events)
{
    return EVENT + pack_room(events) + EVENT + events * EVENT;
}

static void skip_put(char *at, size_t size)
{
    memtrace_word *words = (memtrace_word *)(void *)at;
    words[0] = words[2] = 0;
    words[1] = (memtrace_word)size;
    __atomic_store_n(&words[3], (memtrace_word)MEMTRACE_SKIP, __ATOMIC_RELEASE);
}

/* --- columns --- */

/* The loops here are over bytes of a thousand events. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3")
#endif

/* The planes of `words`, of which `bytes` count; those that are the same in all rows take one byte. `differing` has the bits that are not. */
static uint8_t *columns_put(uint8_t *to, const memtrace_word *words, size_t events, memtrace_word differing,
                            unsigned bytes, uint64_t *present, unsigned plane)
{
    for (unsigned byte = 0; byte < bytes; byte++, plane++) {
        bool whole = (differing >> (8u * byte) & 0xffu) != 0;
        size_t count = whole ? events : 1u;
        *present |= (uint64_t)whole << plane;
        for (size_t i = 0; i < count; i++)
            to[i] = (uint8_t)(words[i] >> (8u * byte));
        to += count;
    }
    return to;
}

static uint8_t *word_put(uint8_t *to, const memtrace_word *rows, size_t events, unsigned word, unsigned bytes,
                         uint64_t *present, unsigned plane)
{
    memtrace_word words[PACK_EVENTS], differing = 0;
    for (size_t i = 0; i < events; i++) {
        words[i] = rows[i * ROW_WORDS + word];
        differing |= words[i] ^ rows[word];
    }
    return columns_put(to, words, events, differing, bytes, present, plane);
}

/* The times between events, the first since `since`; a row has the low bits of its time. */
static uint8_t *times_put(uint8_t *to, const memtrace_word *rows, size_t events, uint64_t since, uint64_t *present)
{
    memtrace_word deltas[PACK_EVENTS], differing = 0;
    memtrace_word mask = WORD_ONES >> TIME_SHIFT, before = (memtrace_word)since & mask;
    for (size_t i = 0; i < events; i++) {
        memtrace_word time = rows[i * ROW_WORDS + 3u] >> TIME_SHIFT;
        deltas[i] = (time - before) & mask;
        differing |= deltas[i] ^ deltas[0];
        before = time;
    }
    return columns_put(to, deltas, events, differing, 4, present, 3u * (unsigned)WORD + 1u);
}

/* The pack of the rows at `at`; returns its bytes. */
static size_t pack_put(char *at, const memtrace_word *rows, size_t events, uint64_t first, uint64_t time)
{
    uint8_t *columns = (uint8_t *)at + EVENT + sizeof(struct memtrace_pack), *to = columns;
    uint64_t present = 0;
    for (unsigned word = 0; word < 3u; word++)
        to = word_put(to, rows, events, word, (unsigned)WORD, &present, word * (unsigned)WORD);
    to = word_put(to, rows, events, 3u, 1u, &present, 3u * (unsigned)WORD);
    to = times_put(to, rows, events, time, &present);
    struct memtrace_pack pack = {first, time, present, MEMTRACE_PLAIN, (uint32_t)(to - columns)};
    memcpy(at + EVENT, &pack, sizeof pack);
    memtrace_word *words = (memtrace_word *)(void *)at;
    size_t payload = sizeof pack + (size_t)(to - columns);
    words[0] = (memtrace_word)events;
    words[1] = (memtrace_word)payload;
    words[2] = 0;
    words[3] = MEMTRACE_PACK;
    return MEMTRACE_LOG_PAYLOAD_BYTES(payload);
}

/* --- windows --- */

/* The SYNC before the first row, from which the times of all in the window are told. */
static void sync_put(struct window *window, uint64_t time)
{
    memtrace_word *row = window->row;
    row[0] = (uint32_t)time;
    row[1] = (uint32_t)(time >> 32);
    row[2] = (memtrace_word)window->number;
    memtrace_word seq = (memtrace_word)window->number & (((memtrace_word)1 << SEQ_BITS) - 1u);
    window->sync = time;
    __atomic_store_n(&row[3], (memtrace_word)time << TIME_SHIFT | seq << LAP_SHIFT | MEMTRACE_SYNC, __ATOMIC_RELEASE);
}

/* Opens a window behind the SKIP at `at`, whose size hides all that is not zeros yet, up to `dirty`. False: there is too little room. */
static bool window_open(struct window *window, char *at, char *dirty, uint64_t time)
{
    size_t room = (size_t)(window->region_end - at);
    size_t events = PACK_EVENTS;
    if (room < window_bytes(events)) {
        size_t fixed = window_bytes(0) + EVENT; /* rounding */
        events = room <= fixed ? 0 : (room - fixed) / (PLANES + EVENT);
    }
    if (events < EVENTS_LEAST)
        return false;
    char *rows = at + EVENT + pack_room(events);
    if (dirty > rows)
        memset(rows, 0, (size_t)(dirty - rows));
    window->skip = (memtrace_word *)(void *)at;
    window->row = (memtrace_word *)(void *)rows;
    sync_put(window, time);
    window->row += ROW_WORDS;
    window->rows = window->row;
    window->rows_end = window->rows + events * ROW_WORDS;
    __atomic_store_n(&window->skip[1], (memtrace_word)(rows - at - (long)EVENT), __ATOMIC_RELEASE);
    return true;
}

/* Turns the rows into a pack and opens the next window. False: this region has no room for one. */
static bool window_pack(struct window *window, uint64_t time)
{
    size_t events = (size_t)(window->row - window->rows) / ROW_WORDS;
    char *pack = (char *)(window->skip + ROW_WORDS), *dirty = (char *)window->row;
    char *next = pack + pack_put(pack, window->rows, events, window->number - events, window->sync);
    skip_put(next, (size_t)(dirty - next) - EVENT);
    __atomic_store_n(&window->skip[1], (memtrace_word)0, __ATOMIC_RELEASE);
    window->rows_end = window->row;
    return window_open(window, next, dirty, time);
}

static bool region_next(struct window *window, uint64_t time)
{
    size_t bytes = window->region_bytes == 0 ? REGION_LEAST : 2u * window->region_bytes;
    bytes = bytes > REGION_MOST ? REGION_MOST : bytes;
    char *at = log_region(window->stream, time, bytes);
    if (at == NULL)
        return false;
    if (window->region_bytes != 0)
        log_region_done(window->region_end - window->region_bytes, window->region_bytes);
    window->region_end = at - MEMTRACE_LOG_STREAM_BYTES + bytes;
    window->region_bytes = bytes;
    skip_put(at, 0);
    return window_open(window, at, at, time);
}

bool window_make_room(struct window *window, uint64_t time)
{
    bool rows = window->row > window->rows;
    if (rows && window->skip != NULL && window_pack(window, time))
        return true;
    if (!rows && window->row < window->rows_end)
        return window_open(window, (char *)window->skip, (char *)window->row, time); /* the SYNC alone is too old */
    window->skip = NULL;
    window->rows = window->rows_end = window->row;
    return region_next(window, time);
}
