/* SPDX-License-Identifier: Apache-2.0
 *
 * The requests of ioctl that give device memory, and what they change in the table of who holds which buffer.
 */
#ifndef MEMTRACE_LINUX_DEVICE_REQUESTS_H
#define MEMTRACE_LINUX_DEVICE_REQUESTS_H

#include <stdbool.h>
#include <stdint.h>

#include "device_table.h"

struct call {
    const struct caller *from;
    const struct request *request;
    void *argument;
    uint64_t bytes; /* of a new buffer, if it asks for one */
    bool asks;
    int file;
    uint32_t device, buffer; /* which it is of, and about; held until the end */
    uint64_t name;
    enum name_kind kind;
};

struct request {
    uint32_t code;
    enum thing_kind family;
    void (*before)(struct call *); /* reads the question */
    void (*after)(struct call *);  /* it succeeded */
};

/* NULL: none of these. Of what is found, call_begins sees whether its descriptor is such a device. */
const struct request *request_of(unsigned long code);

/* Before the real call, and after it, with errno or 0. False: the descriptor is of another kind of file, and nothing follows. */
bool call_begins(struct call *call);
void call_ended(struct call *call, int error);

/* Says once in the log that something found no room in the table. */
void buffer_lost(void);

/* The pages that programs map. */
uint64_t page_bytes(void);

/* A map of this offset is where a waiting buffer will be; or it has this address. */
enum name_kind mali_kind(uint64_t address);

#endif
