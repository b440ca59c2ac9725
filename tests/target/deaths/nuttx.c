/* SPDX-License-Identifier: Apache-2.0
 *
 * How a program dies in NuttX: assertions and faults end in _assert. Names and prototypes are those of NuttX 12.
 */
#include <stddef.h>

#include "board.h"
#include "deaths.h"
#include "nuttx/assert.h"

DEATH void _assert(const char *filename, int linenum, const char *msg, void *regs)
{
    (void)filename, (void)linenum;
    board_print(msg);
    board_exit(regs == NULL ? BOARD_ABORTED : BOARD_FAULTED);
}

_Noreturn DEATH void __assert(const char *filename, int linenum, const char *msg)
{
    _assert(filename, linenum, msg, NULL);
    board_exit(BOARD_ABORTED);
}

_Noreturn DEATH void board_fault(uint32_t cause, uint32_t pc, uint32_t value)
{
    (void)cause, (void)pc;
    uintptr_t regs[] = {value};
    _assert("arch/risc-v/src/common/riscv_exception.c", 131, "panic", regs);
    board_exit(BOARD_FAULTED);
}

/* As the program of ESP-IDF's variants calls it: there is no such function in NuttX. */
_Noreturn DEATH void __assert_func(const char *file, int line, const char *function, const char *text)
{
    (void)function;
    __assert(file, line, text);
}

/* It ends a task, and is no death of the program. */
_Noreturn DEATH void abort(void)
{
    board_exit(BOARD_ABORTED);
}
