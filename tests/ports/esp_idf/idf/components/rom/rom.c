/* SPDX-License-Identifier: Apache-2.0
 *
 * The ROM's assertion: by the table of the application.
 */
#undef __assert_func

void rom_assert_func(const char *file, int line, const char *function, const char *text);
extern void (*rom_stub_assert_func)(const char *, int, const char *, const char *);

void rom_assert_func(const char *file, int line, const char *function, const char *text)
{
    rom_stub_assert_func(file, line, function, text);
}
