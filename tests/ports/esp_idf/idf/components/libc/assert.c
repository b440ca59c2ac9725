/* SPDX-License-Identifier: Apache-2.0
 *
 * assert() and abort() lead to esp_system_abort, and that to panic_abort.
 */
#include <stdlib.h>
#include <string.h>

void esp_system_abort(const char *details) __attribute__((noreturn));
void __assert_func(const char *file, int line, const char *function, const char *text) __attribute__((noreturn));

void __assert_func(const char *file, int line, const char *function, const char *text)
{
    static char details[200];
    (void)file;
    (void)line;
    strcpy(details, "assert failed: ");
    strncat(details, function, 60);
    strcat(details, " ");
    strncat(details, text, 100);
    esp_system_abort(details);
}

void abort(void)
{
    esp_system_abort("abort() was called at PC 0x0 on core 0");
}

void libc_include_assert_impl(void);

/* Forces the linker to take this file before the C library's own. */
void libc_include_assert_impl(void)
{
}
