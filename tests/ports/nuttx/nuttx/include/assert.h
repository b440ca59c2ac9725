/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ASSERT_H
#define ASSERT_H

#define ASSERT(f) ((f) ? (void)0 : __assert(__FILE__, __LINE__, #f))

void _assert(const char *filename, int linenum, const char *msg, void *regs);
void __assert(const char *filename, int linenum, const char *msg) __attribute__((noreturn));

#endif
