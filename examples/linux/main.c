/* SPDX-License-Identifier: Apache-2.0
 *
 * A server that answers requests. It grows: something in it is never freed.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memtrace.h"

#define FUNCTION __attribute__((noinline)) /* a frame of its own in every backtrace */

enum { REQUESTS = 50, RING_BYTES = 64 * 1024 };

uintptr_t port_stack_high;
static uint64_t ring[RING_BYTES / 8];

struct request {
    char *name;
    char *body;
};

static FUNCTION char *text_copy(const char *text)
{
    char *copy = malloc(strlen(text) + 1);
    strcpy(copy, text);
    return copy;
}

static FUNCTION struct request *request_create(const char *name)
{
    struct request *request = malloc(sizeof *request);
    request->name = text_copy(name);
    request->body = text_copy("temperature=21");
    return request;
}

/* A request without a body would be freed whole. */
static FUNCTION void request_free(struct request *request)
{
    free(request->body);
    free(request);
}

FUNCTION void server_done(void)
{
    puts("done");
}

int main(void)
{
    port_stack_high = (uintptr_t)__builtin_frame_address(0);
    memtrace_init(ring, sizeof ring, NULL);
    memtrace_mark("serving");
    for (int i = 0; i < REQUESTS; i++) {
        request_free(request_create("set temperature"));
    }
    server_done();
    return 0;
}
