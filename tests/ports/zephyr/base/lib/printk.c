/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <zephyr/sys/printk.h>

#define UART (*(volatile unsigned char *)0x10000000)

static void text_print(const char *text)
{
    for (; *text != '\0'; text++)
        UART = (unsigned char)*text;
}

/* %s, and %d as an x. */
void printk(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    for (; *format != '\0'; format++) {
        if (format[0] == '%' && format[1] == 's') {
            text_print(va_arg(arguments, const char *));
            format++;
        } else if (format[0] == '%' && format[1] == 'd') {
            (void)va_arg(arguments, int);
            text_print("x");
            format++;
        } else {
            UART = (unsigned char)*format;
        }
    }
    va_end(arguments);
}
