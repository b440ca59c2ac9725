/* SPDX-License-Identifier: Apache-2.0
 *
 * Functions of the shapes that C has: many arguments, any number of them, large frames, tables, loops without an end, floating point,
 * what newlib calls back and allocates for itself. Those that take stack by a register have names that begin with dynamic_.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "program.h"

#define OWN __attribute__((noipa)) static

struct wide {
    int values[20];
};

static jmp_buf loop_end;
static volatile int sink;

OWN int leaf(int size)
{
    void *block = malloc((size_t)(size & 63));
    sink = block != NULL;
    free(block);
    return size + 1;
}

OWN int any_number(const char *format, ...)
{
    char text[24];
    va_list values;
    va_start(values, format);
    int length = vsnprintf(text, sizeof text, format, values);
    va_end(values);
    return leaf(length) + text[1];
}

OWN int any_number_more(int a, int b, int c, ...)
{
    va_list values;
    va_start(values, c);
    int sum = leaf(a + b) + va_arg(values, int);
    va_end(values);
    return sum;
}

OWN int seven(int a, int b, int c, int d, int e, int f, int g)
{
    int x = leaf(a + b), y = leaf(b + c), z = leaf(c + d);
    return x * y + z + leaf(d + e) * leaf(e + f) + leaf(f + g) + a + b + c + d + e + f + g;
}

OWN int frame_600(int seed)
{
    char bytes[600];
    memset(bytes, seed, sizeof bytes);
    return leaf(bytes[seed & 255]) + seven(bytes[0], 2, 3, 4, 5, 6, bytes[1]) + bytes[2];
}

OWN int frame_2500(int seed)
{
    char bytes[2500];
    memset(bytes, seed, sizeof bytes);
    return frame_600(bytes[seed & 1023]) + bytes[3];
}

OWN int tail_call(int seed)
{
    leaf(seed);
    return seed & 1 ? frame_600(seed) : leaf(seed + 1);
}

OWN int table(int seed)
{
    int sum = 0;
    switch (seed & 15) {
    case 0:
        sum = leaf(1);
        break;
    case 1:
        sum = leaf(2) + leaf(3);
        break;
    case 2:
        return tail_call(4);
    case 3:
        sum = seven(1, 2, 3, 4, 5, 6, 7); /* fall through */
    case 4:
        sum += leaf(5);
        break;
    case 5:
        free(malloc(12));
        break;
    case 6:
        sum = any_number("%d %d", seed, 3);
        break;
    case 7:
        return 4;
    case 8:
        sum = any_number_more(1, 2, 3, 4);
        break;
    case 9:
        sum = frame_600(7);
        break;
    default:
        sum = leaf(6);
    }
    return sum + leaf(sum);
}

OWN float single(float a, float b)
{
    float sum = (float)leaf((int)a) * a;
    sum += (float)leaf((int)b) * b;
    return sum + a * b + (float)leaf((int)sum);
}

OWN double twice(double a, double b, double c)
{
    double sum = a * single((float)b, (float)c);
    sum += (double)leaf((int)c) * b;
    return sum + (double)single((float)a, (float)sum) + c;
}

OWN struct wide by_value(struct wide value)
{
    struct wide other = value;
    other.values[3] = leaf(value.values[2]);
    other.values[4] = table(value.values[5]);
    return other;
}

OWN int early(const int *values, int count)
{
    if (values == NULL)
        return 0;
    if (count < 2)
        return values[0];
    int sum = leaf(values[0]);
    while (count-- > 0)
        sum += values[count & 3];
    return sum == 7 ? sum : leaf(sum);
}

OWN int recursive(int depth)
{
    return depth > 0 ? recursive(depth - 1) + leaf(depth) : leaf(0);
}

/* Left by longjmp alone. */
__attribute__((noipa)) static void loop_forever(int turns)
{
    for (;;) {
        leaf(turns);
        if (turns-- == 0)
            longjmp(loop_end, 1);
        tail_call(turns);
    }
}

OWN int looped(int turns)
{
    if (setjmp(loop_end) == 0)
        loop_forever(turns);
    return leaf(turns);
}

OWN int compare(const void *left, const void *right)
{
    leaf(*(const int *)left);
    return *(const int *)left - *(const int *)right;
}

OWN int sorted(int seed)
{
    int values[] = {seed & 7, 3, 1, seed & 3, 9, 2};
    qsort(values, sizeof values / sizeof values[0], sizeof values[0], compare);
    return values[2] + leaf(values[1]);
}

/* newlib allocates what it needs for the digits. */
OWN int printed(int seed)
{
    char text[40];
    return snprintf(text, sizeof text, "%.17g %s %d", 1.1 * seed + 1e-7, "text", seed) + leaf(text[2]);
}

OWN int dynamic_array(int count)
{
    char bytes[count + 1];
    memset(bytes, count, sizeof bytes);
    return leaf(bytes[count / 2]) + bytes[0];
}

OWN int dynamic_later(int count)
{
    int sum = leaf(count); /* here the stack pointer has not been moved yet */
    return sum + dynamic_array(count + sum % 8);
}

int stacks_c(uint32_t seed)
{
    static const int values[] = {1, 2, 3, 4};
    int number = (int)(seed * 2654435761u >> 20);
    struct wide wide = {{number, number & 3, 7, 8, 9, number}};
    int sum =
        table(number) + tail_call(number) + frame_2500(number) + recursive(number & 7) + early(values, number & 15);
    sum +=
        by_value(wide).values[4] + looped(number & 3) + sorted(number) + printed(number) + dynamic_later(number & 31);
    sum += (int)twice(number, 2.5, 3.5) + any_number("%d", number) + any_number_more(number, 1, 2, 3, 4, 5);
    return sum + dynamic_array(number & 63);
}
