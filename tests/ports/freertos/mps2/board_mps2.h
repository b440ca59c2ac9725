/* SPDX-License-Identifier: Apache-2.0
 *
 * What board.c and start.c share.
 */
#ifndef BOARD_MPS2_H
#define BOARD_MPS2_H

#define BOARD_INTERRUPTS 32

#endif
