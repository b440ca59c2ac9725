/* SPDX-License-Identifier: Apache-2.0
 *
 * A client of the emulator's gdb stub: packets out, replies in.
 *
 * Assumption: a stop reply comes only after `c` or `s`, so any other request is answered by the next packet.
 */
#ifndef RSP_H
#define RSP_H

#include <stdbool.h>
#include <stddef.h>

enum { RSP_BYTES = 8192 }; /* longest packet of either direction, without its frame */

struct rsp {
    int socket;
    size_t have;                   /* bytes of `input` not yet taken */
    char input[2 * RSP_BYTES + 8]; /* what came and is no whole packet yet */
    char reply[RSP_BYTES + 1];     /* the last packet's contents, ended by a NUL */
};

/* Connects to a UNIX socket; false if nobody listens there. */
bool rsp_connect(struct rsp *rsp, const char *path);

/* Sends a packet without waiting for its answer. The connection's end ends the process: there is nobody to serve. */
void rsp_send(struct rsp *rsp, const char *contents);

/* Waits at most `milliseconds` for a packet, then has it in `reply`. */
bool rsp_receive(struct rsp *rsp, int milliseconds);

/* Sends and waits: the reply, or "" if none came. */
const char *rsp_ask(struct rsp *rsp, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Interrupts the running target. */
void rsp_interrupt(struct rsp *rsp);

#endif
