/* SPDX-License-Identifier: Apache-2.0
 *
 * What numbers of a log mean: stacks and names. A number that means something else than before, in another run or after
 * a second definition, gets a number of its own when it is used; equal things have one number. So a profile can name
 * what it has counted after the log's own numbers have changed.
 *
 * Cost: what is defined and was never used is forgotten with its run. */
#ifndef MEMTRACE_ENGINE_MEANINGS_H
#define MEMTRACE_ENGINE_MEANINGS_H

#include "numbers.h"

#define MEANINGS_RENAMED (UINT64_C(1) << 32) /* numbers from here on are none of the log's */

struct meaning {
    struct meaning *same; /* the next one whose content has the same hash */
    uint64_t number;      /* its own, if it has been used */
    uint32_t kind;        /* 0, or what it is the name of */
    uint32_t size;        /* bytes of `data` */
    bool is_used;
    _Alignas(8) unsigned char data[];
};

/* What was used. Definitions of a run are in tables beside it, of which several may share the numbers that last. */
struct meanings {
    struct numbers used;     /* by their own numbers */
    struct numbers contents; /* by hash */
};

/* false: no memory. */
bool meanings_define(struct numbers *defined, struct memory *memory, uint64_t number, uint32_t kind, const void *data,
                     size_t size);

/* Uses a number. Returns the one that its meaning has for good; the number itself if it was not defined. false: no memory. */
bool meanings_use(struct meanings *meanings, struct numbers *defined, struct memory *memory, uint64_t number,
                  uint64_t *own);

/* Forgets the definitions of a run. */
void meanings_forget(struct numbers *defined, struct memory *memory);

/* Forgets what was used. No table of definitions may have it any more. */
void meanings_clear(struct meanings *meanings, struct memory *memory);

#endif
