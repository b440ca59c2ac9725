/* SPDX-License-Identifier: Apache-2.0
 *
 * The few functions of a C library that the firmware calls: none is built for the windowed core.
 */
#include <string.h>

#pragma GCC optimize("no-tree-loop-distribute-patterns") /* else memset calls memset */

void *memcpy(void *restrict target, const void *restrict source, size_t bytes)
{
    char *to = target;
    for (const char *from = source; bytes > 0; bytes--) {
        *to++ = *from++;
    }
    return target;
}

void *memset(void *target, int value, size_t bytes)
{
    for (char *to = target; bytes > 0; bytes--) {
        *to++ = (char)value;
    }
    return target;
}

int memcmp(const void *left, const void *right, size_t bytes)
{
    const unsigned char *one = left;
    const unsigned char *other = right;
    for (; bytes > 0; bytes--, one++, other++) {
        if (*one != *other) {
            return *one - *other;
        }
    }
    return 0;
}

size_t strlen(const char *text)
{
    size_t length = 0;
    while (text[length] != '\0') {
        length++;
    }
    return length;
}

int strcmp(const char *left, const char *right)
{
    while (*left != '\0' && *left == *right) {
        left++;
        right++;
    }
    return (unsigned char)*left - (unsigned char)*right;
}

size_t strcspn(const char *text, const char *stop)
{
    size_t length = 0;
    for (; text[length] != '\0'; length++) {
        for (const char *one = stop; *one != '\0'; one++) {
            if (text[length] == *one) {
                return length;
            }
        }
    }
    return length;
}

char *strcpy(char *restrict target, const char *restrict source)
{
    return memcpy(target, source, strlen(source) + 1);
}

char *strncpy(char *restrict target, const char *restrict source, size_t bytes)
{
    size_t length = strlen(source);
    memset(target, 0, bytes);
    return memcpy(target, source, length < bytes ? length : bytes);
}
