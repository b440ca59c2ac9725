/* SPDX-License-Identifier: Apache-2.0 */
    .text
    .literal_position
    .globl _start
_start:
    movi a1, stack_top
    call0 main
