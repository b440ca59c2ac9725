/* SPDX-License-Identifier: Apache-2.0
 *
 * The table by which functions in ROM reach the application's.
 */
void __assert_func(const char *file, int line, const char *function, const char *text) __attribute__((noreturn));

void (*rom_stub_assert_func)(const char *, int, const char *, const char *) = __assert_func;
