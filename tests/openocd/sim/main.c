/* SPDX-License-Identifier: Apache-2.0
 *
 * A chip with a JTAG port: OpenOCD's remote_bitbang in front, an emulator's gdb stub behind.
 *
 *     riscv_debug_module LISTENER STUB COUNTS RAM_BASE RAM_BYTES [run]
 *
 * LISTENER is the number of an inherited listening socket, STUB the path of the stub's socket, COUNTS a file for counts.h.
 * With "run" the chip runs when the debugger comes, as one on a desk does. Serves one connection, then ends.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "counts.h"
#include "tap.h"

enum { BUFFER = 65536 };

uint64_t *counts;

/* Does what one character asks; a reply, or 0. */
static char serve_one(struct tap *tap, char wish)
{
    if (wish >= '0' && wish <= '7') {
        unsigned wires = (unsigned)(wish - '0');
        tap_write(tap, (wires & 4) != 0, (wires & 2) != 0, (wires & 1) != 0);
        return 0;
    }
    switch (wish) {
    case 'R':
        return tap_read(tap) ? '1' : '0';
    case 't':
    case 'u':
        tap_reset(tap); /* TRST */
        return 0;
    default:
        return 0; /* lamps, and SRST, which is not connected */
    }
}

static bool answer(int socket, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(socket, bytes, length, MSG_NOSIGNAL);
        if (sent <= 0) {
            return false;
        }
        bytes += sent;
        length -= (size_t)sent;
    }
    return true;
}

static void serve(struct tap *tap, int socket)
{
    static char wishes[BUFFER];
    static char replies[BUFFER];
    for (;;) {
        ssize_t got = recv(socket, wishes, sizeof wishes, 0);
        size_t count = 0;
        if (got <= 0) {
            return;
        }
        for (ssize_t i = 0; i < got; i++) {
            char reply = serve_one(tap, wishes[i]);
            if (reply != 0) {
                replies[count++] = reply;
            }
        }
        if (!answer(socket, replies, count)) {
            return;
        }
    }
}

static bool counts_open(const char *path)
{
    int file = open(path, O_RDWR | O_CREAT, 0600);
    if (file < 0 || ftruncate(file, COUNTS * sizeof counts[0]) != 0) {
        return false;
    }
    void *memory = mmap(NULL, COUNTS * sizeof counts[0], PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    counts = memory == MAP_FAILED ? NULL : memory;
    return counts != NULL;
}

static uint32_t number(const char *text)
{
    return (uint32_t)strtoul(text, NULL, 0);
}

int main(int argc, char **argv)
{
    static struct tap tap;
    if (argc < 6 || !counts_open(argv[3])) {
        fprintf(stderr, "usage: riscv_debug_module LISTENER STUB COUNTS RAM_BASE RAM_BYTES [run]\n");
        return 2;
    }
    if (!hart_open(&tap.dm.hart, argv[2], number(argv[4]), number(argv[5]))) {
        fprintf(stderr, "no gdb stub answers at %s\n", argv[2]);
        return 1;
    }
    tap_reset(&tap);
    if (argc > 6 && strcmp(argv[6], "run") == 0) {
        hart_resume(&tap.dm.hart);
    }
    int socket = accept((int)number(argv[1]), NULL, NULL);
    if (socket >= 0) {
        serve(&tap, socket);
    }
    return 0;
}
