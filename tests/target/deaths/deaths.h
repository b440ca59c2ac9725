/* SPDX-License-Identifier: Apache-2.0
 *
 * The end of a program as the C library, ESP-IDF or NuttX has it; a variant of the firmware takes one of them.
 */
#ifndef DEATHS_H
#define DEATHS_H

#include <stdint.h>

/* Nothing is inlined or dropped: each of these has a frame in the real thing. */
#define DEATH __attribute__((noipa))

/* What the board's trap calls at an exception. */
_Noreturn void board_fault(uint32_t cause, uint32_t pc, uint32_t value);

_Noreturn void abort(void);
_Noreturn void __assert_func(const char *file, int line, const char *function, const char *text);

#endif
