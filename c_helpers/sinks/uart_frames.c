/* SPDX-License-Identifier: Apache-2.0 */
#include "uart_frames.h"

#include <string.h>

#include "checksum.h"
#include "memtrace_words.h"

#define KEPT 0x4d545531u
#define PART_BYTES 32768u
#define FRAME_BEGINS 0x8000u /* in the length: the frame begins a run */
#define PIECE_BYTES 64u      /* given to the line at once */
#define KIND_MASK ((1u << MEMTRACE_KIND_BITS) - 1u)

/* A frame on its way to the line. */
struct line {
    struct memtrace_uart *uart;
    uint32_t sum;
    uint32_t bits;  /* that did not fill seven yet, in the lowest places */
    unsigned count; /* of these bits */
    unsigned used;  /* of the piece */
    uint8_t piece[PIECE_BYTES];
};

/* ---- bytes ---- */

static bool line_send(struct line *line)
{
    unsigned used = line->used;
    line->used = 0;
    return used == 0 || line->uart->send(line->uart, line->piece, used);
}

static bool line_put(struct line *line, const void *bytes, size_t count)
{
    const uint8_t *next = bytes;
    line->sum = checksum_add(line->sum, bytes, count);
    for (; count > 0; count--) {
        line->bits = line->bits << 8 | *next++;
        line->count += 8;
        while (line->count >= 7) {
            line->count -= 7;
            line->piece[line->used++] = (uint8_t)(0x80u | line->bits >> line->count);
        }
        if (line->used > PIECE_BYTES - 2u && !line_send(line))
            return false;
    }
    return true;
}

static bool line_begin(struct line *line, const struct uart_place *place, size_t bytes, bool is_first)
{
    uint32_t length = (uint32_t)bytes | (is_first ? FRAME_BEGINS : 0);
    const uint8_t head[UART_FRAMES_HEAD_BYTES] = {
        (uint8_t)(length >> 8),         (uint8_t)length,
        (uint8_t)(place->run >> 8),     (uint8_t)place->run,
        (uint8_t)(place->offset >> 24), (uint8_t)(place->offset >> 16),
        (uint8_t)(place->offset >> 8),  (uint8_t)place->offset,
    };
    line->piece[0] = UART_FRAMES_MARK;
    line->piece[1] = UART_FRAMES_MARK;
    line->used = 2;
    return line_put(line, head, sizeof head);
}

static bool line_end(struct line *line)
{
    uint32_t sum = line->sum;
    const uint8_t last[4] = {(uint8_t)(sum >> 24), (uint8_t)(sum >> 16), (uint8_t)(sum >> 8), (uint8_t)sum};
    if (!line_put(line, last, sizeof last))
        return false;
    if (line->count != 0)
        line->piece[line->used++] = (uint8_t)(0x80u | line->bits << (7u - line->count));
    return line_send(line);
}

/* ---- records ---- */

static bool is_header(const void *bytes, size_t count)
{
    static const uint8_t magic[8] = {MEMTRACE_MAGIC_FIRST, MEMTRACE_MAGIC_REST};
    return count >= sizeof(struct memtrace_header) && memcmp(bytes, magic, sizeof magic) == 0;
}

static enum memtrace_kind kind_of(const memtrace_word *record)
{
    return (enum memtrace_kind)(record[3] & KIND_MASK);
}

static size_t record_bytes(const memtrace_word *record, size_t left)
{
    size_t payload = kind_of(record) < MEMTRACE_DEF_STACK ? 0 : (size_t)(record[1] & SIZE_MAX_RECORDED);
    if (is_header(record, left))
        payload = sizeof(struct memtrace_header) - sizeof(memtrace_event);
    if (payload > left - sizeof(memtrace_event))
        return left;
    return sizeof(memtrace_event) +
           (payload + sizeof(memtrace_event) - 1u) / sizeof(memtrace_event) * sizeof(memtrace_event);
}

/* The place behind a record. */
static void record_pass(struct uart_place *place, const memtrace_word *record, size_t left)
{
    enum memtrace_kind kind = kind_of(record);
    if (is_header(record, left))
        return; /* of a part: the run's numbers and times go on */
    if (kind == MEMTRACE_SYNC) {
        place->time = (uint64_t)record[1] << 32 | (uint32_t)record[0];
        place->number += (memtrace_word)(record[2] - (memtrace_word)place->number);
    } else if (kind != MEMTRACE_EMPTY && kind < MEMTRACE_LIVE_BLOCK) {
        memtrace_word seq = record[3] >> LAP_SHIFT;
        place->number += ((seq - (memtrace_word)place->number) & (((memtrace_word)1 << SEQ_BITS) - 1u)) + 1u;
    }
}

/* Bytes of the whole records that one frame takes. */
static size_t frame_fill(const uint8_t *bytes, size_t count)
{
    size_t taken = 0;
    while (taken < count) {
        size_t more = record_bytes((const memtrace_word *)(const void *)(bytes + taken), count - taken);
        if (taken != 0 && taken + more > UART_FRAMES_LOG_BYTES)
            break;
        taken += more;
    }
    return taken;
}

/* ---- the output ---- */

/* What comes behind is told from here, whatever was lost before. */
static void sync_make(const struct uart_place *place, memtrace_word sync[4])
{
    memtrace_word seq = (memtrace_word)place->number & (((memtrace_word)1 << SEQ_BITS) - 1u);
    sync[0] = (uint32_t)place->time;
    sync[1] = (uint32_t)(place->time >> 32);
    sync[2] = (memtrace_word)place->number;
    sync[3] = (memtrace_word)place->time << TIME_SHIFT | seq << LAP_SHIFT | (memtrace_word)MEMTRACE_SYNC;
}

static bool frame_send(struct memtrace_uart *uart, struct uart_place *place, const uint8_t *bytes, size_t count,
                       bool is_first)
{
    struct line line = {.uart = uart};
    memtrace_word sync[4];
    size_t sync_bytes = is_header(bytes, count) ? 0 : sizeof sync;
    sync_make(place, sync);
    if (!line_begin(&line, place, sync_bytes + count, is_first) || !line_put(&line, sync, sync_bytes))
        return false;
    for (size_t at = 0; at < count;) {
        const memtrace_word *record = (const memtrace_word *)(const void *)(bytes + at);
        record_pass(place, record, count - at);
        at += record_bytes(record, count - at);
    }
    place->offset += (uint32_t)(sync_bytes + count);
    return line_put(&line, bytes, count) && line_end(&line);
}

static bool uart_write(struct memtrace_output *output, const void *bytes, size_t count)
{
    struct memtrace_uart *uart = (struct memtrace_uart *)(void *)output;
    struct uart_place *place = &uart->place[1u - uart->which % 2u];
    const uint8_t *next = bytes;
    bool is_first = uart->is_new_run;
    *place = uart->place[uart->which % 2u];
    if (is_first)
        *place = (struct uart_place){.run = (uint16_t)(31u * place->run + checksum_add(0, bytes, count))};
    while (count > 0) {
        size_t taken = frame_fill(next, count);
        if (!frame_send(uart, place, next, taken, is_first))
            return false;
        is_first = false;
        next += taken;
        count -= taken;
    }
    uart->is_new_run = false;
    uart->which = 1u - uart->which % 2u;
    return true;
}

static bool uart_begin(struct memtrace_output *output)
{
    ((struct memtrace_uart *)(void *)output)->is_new_run = true;
    return true;
}

/* A part is for those that join late or have lost something: its header says so. */
static bool uart_turn(struct memtrace_output *output)
{
    (void)output;
    return true;
}

void memtrace_uart_open(struct memtrace_uart *uart)
{
    uint32_t part_bytes = uart->output.part_bytes != 0 ? uart->output.part_bytes : PART_BYTES;
    uart->output = (struct memtrace_output){
        .write = uart_write,
        .begin = uart_begin,
        .turn = uart_turn,
        .part_bytes = part_bytes,
    };
    if (uart->is_kept == KEPT)
        return;
    uart->which = 0;
    uart->place[0] = (struct uart_place){0, 0, 0, 0};
    uart->is_new_run = false;
    uart->is_kept = KEPT;
}
