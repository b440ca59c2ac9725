/* SPDX-License-Identifier: Apache-2.0 */
#include "rsp.h"

#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "counts.h"

enum { ANSWER_MILLISECONDS = 60000 };

bool rsp_connect(struct rsp *rsp, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    rsp->socket = socket(AF_UNIX, SOCK_STREAM, 0);
    rsp->have = 0;
    if (rsp->socket < 0 || strlen(path) >= sizeof address.sun_path) {
        return false;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    return connect(rsp->socket, (const struct sockaddr *)&address, sizeof address) == 0;
}

static void put(const struct rsp *rsp, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t written = send(rsp->socket, bytes, length, MSG_NOSIGNAL);
        if (written <= 0) {
            exit(0); /* the emulator has ended */
        }
        bytes += written;
        length -= (size_t)written;
    }
}

void rsp_send(struct rsp *rsp, const char *contents)
{
    char frame[RSP_BYTES + 8];
    uint8_t sum = 0;
    for (const char *at = contents; *at != '\0'; at++) {
        sum = (uint8_t)(sum + (uint8_t)*at);
    }
    int length = snprintf(frame, sizeof frame, "$%s#%02x", contents, sum);
    put(rsp, frame, (size_t)length);
    count_add(COUNT_PACKETS, 1);
}

void rsp_interrupt(struct rsp *rsp)
{
    put(rsp, "\x03", 1);
}

/* Takes the first whole packet out of the input. */
static bool take(struct rsp *rsp)
{
    char *start = memchr(rsp->input, '$', rsp->have);
    char *end = start == NULL ? NULL : memchr(start, '#', rsp->have - (size_t)(start - rsp->input));
    if (end == NULL || end + 3 > rsp->input + rsp->have) {
        return false;
    }
    size_t length = (size_t)(end - start) - 1;
    length = length > RSP_BYTES ? RSP_BYTES : length;
    memcpy(rsp->reply, start + 1, length);
    rsp->reply[length] = '\0';
    rsp->have -= (size_t)(end + 3 - rsp->input);
    memmove(rsp->input, end + 3, rsp->have);
    put(rsp, "+", 1);
    return true;
}

bool rsp_receive(struct rsp *rsp, int milliseconds)
{
    while (!take(rsp)) {
        struct pollfd ready = {.fd = rsp->socket, .events = POLLIN};
        if (poll(&ready, 1, milliseconds) <= 0) {
            return false;
        }
        ssize_t got = recv(rsp->socket, rsp->input + rsp->have, sizeof rsp->input - rsp->have, 0);
        if (got <= 0) {
            exit(0); /* the emulator has ended */
        }
        rsp->have += (size_t)got;
    }
    return true;
}

const char *rsp_ask(struct rsp *rsp, const char *format, ...)
{
    char contents[RSP_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(contents, sizeof contents, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= sizeof contents) {
        return "";
    }
    rsp_send(rsp, contents);
    return rsp_receive(rsp, ANSWER_MILLISECONDS) ? rsp->reply : "";
}
