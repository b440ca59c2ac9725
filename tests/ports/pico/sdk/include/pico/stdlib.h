/* SPDX-License-Identifier: Apache-2.0
 *
 * Stands for what programs of the SDK begin and end with. Here the endless loop at the end is left.
 */
#ifndef PICO_STDLIB_H
#define PICO_STDLIB_H

#include "book.h"

static inline void stdio_init_all(void)
{
}

static inline void tight_loop_contents(void)
{
    book_print();
}

#endif
