/* SPDX-License-Identifier: Apache-2.0
 *
 * The program's own book of what it allocated and freed, against which the ring is held.
 */
#ifndef BOOK_H
#define BOOK_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef void user(void); /* a function that allocates */

/* Blocks by their addresses, which may be those of blocks that are gone. */
void book_got(uintptr_t block, size_t size, user *by); /* 0: it failed */
void book_gave(uintptr_t block, user *by);             /* 0: nothing happened */
void book_moved(uintptr_t from, uintptr_t to, size_t size, user *by);
void book_print(void); /* with the ring's bytes; then the machine is switched off */

uint32_t clock_units(void);

#define USER(name) static __attribute__((noinline)) void name(void)

/* Takes a block, and gives it back. */
#define TAKES(by, size, taken, given) \
    do { \
        void *block = (taken); \
        book_got((uintptr_t)block, size, by); \
        book_gave((uintptr_t)block, by); \
        given; \
    } while (0)

/* Fails to get one. */
#define FAILS(by, size, taken) book_got((uintptr_t)(taken), size, by)

#ifdef __cplusplus
}
#endif

#endif
