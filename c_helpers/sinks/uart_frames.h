/* SPDX-License-Identifier: Apache-2.0
 *
 * A log over a serial line that others print on, too: frames that survive text in between, and lost bytes.
 *
 * Approach: a frame is two marks that no text has, then bytes with the highest bit set, seven bits of it in each. So text may come
 * in the middle of a frame, byte by byte, and both can be told apart; a driver that makes "\r\n" of "\n", or takes XON and XOFF
 * for itself, changes nothing. A frame has whole records, its place in the run and a checksum: what is lost is one frame,
 * and it is known how much that was. Each begins with a SYNC, so that numbers and times are right behind a loss. A definition
 * that was lost comes again in the next part (memtrace_sink.h), within part_bytes; and a monitor that was attached later
 * understands all from there on.
 * Rejected: COBS or SLIP (an eighth less on the line, but one character of text in a frame breaks it, and so does a driver's "\r");
 * asking for lost frames again (needs a receiver in the firmware); definitions by turns in each frame (the sink would have to
 * know what a line loses).
 * Cost: a seventh for the bits, 12 bytes a frame before that, an event for its SYNC; a header and definitions a part. RAM: this
 * struct, and 150 bytes of stack. docs/how-to/log-over-uart.md has numbers.
 * Assumptions: no text has the byte 1e; text with other bytes above 7f is broken only where it comes in the middle of a frame.
 *
 * Fill in `send`, open it, and give `output` to the sink. After a reset the sink goes on with the run that died if the struct lies in
 * memory that the reset leaves alone.
 */
#ifndef MEMTRACE_UART_FRAMES_H
#define MEMTRACE_UART_FRAMES_H

#include "memtrace_sink.h"

#ifdef __cplusplus
extern "C" {
#endif

#define UART_FRAMES_MARK 0x1eu
#define UART_FRAMES_HEAD_BYTES 8u
#define UART_FRAMES_LOG_BYTES 496u /* of the log in a frame, unless one record is larger */

/* Where in a run the line is. */
struct uart_place {
    uint64_t number; /* of the next event */
    uint64_t time;   /* of the last SYNC */
    uint32_t offset; /* bytes of the run before this, SYNCs of frames too */
    uint16_t run;    /* made of its header and of the run before: most likely another one's is different */
};

struct memtrace_uart {
    struct memtrace_output output; /* filled in by memtrace_uart_open */

    /* The port's: gives these bytes to the line, and waits until they are taken. false: the line is gone. */
    bool (*send)(struct memtrace_uart *uart, const uint8_t *bytes, size_t count);

    /* The framing's own. */
    uint32_t is_kept;           /* a constant, if what follows has outlived a reset */
    uint32_t which;             /* of the places counts: the other one is of the write under way */
    struct uart_place place[2]; /* a write that is made again after a reset begins at the same place */
    bool is_new_run;            /* the next write begins one */
};

/* Sets up the output; parts of 32 KiB, if output.part_bytes is 0. */
void memtrace_uart_open(struct memtrace_uart *uart);

#ifdef __cplusplus
}
#endif

#endif
