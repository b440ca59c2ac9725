/* SPDX-License-Identifier: Apache-2.0
 *
 * NuttX's assert.h, in place of the C library's.
 */
#ifndef NUTTX_ASSERT_H
#define NUTTX_ASSERT_H

_Noreturn void __assert(const char *filename, int linenum, const char *msg);
void _assert(const char *filename, int linenum, const char *msg, void *regs);

#define assert(condition) ((condition) ? (void)0 : __assert(__FILE__, __LINE__, #condition))

#endif
