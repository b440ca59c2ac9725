/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BOARD_H
#define BOARD_H

#define FUNCTION __attribute__((noinline)) /* a frame of its own in every backtrace */

void board_print(const char *text);
_Noreturn void board_power_off(void);

#endif
