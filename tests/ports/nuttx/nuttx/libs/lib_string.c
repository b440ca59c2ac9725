/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

__attribute__((optimize("no-tree-loop-distribute-patterns"))) void *memcpy(void *to, const void *from, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        ((char *)to)[i] = ((const char *)from)[i];
    return to;
}

__attribute__((optimize("no-tree-loop-distribute-patterns"))) void *memset(void *to, int byte, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        ((char *)to)[i] = (char)byte;
    return to;
}

size_t strlen(const char *text)
{
    size_t length = 0;
    while (text[length] != '\0')
        length++;
    return length;
}

char *strncpy(char *to, const char *from, size_t bytes)
{
    size_t length = strlen(from);
    memset(to, 0, bytes);
    return memcpy(to, from, length < bytes ? length : bytes);
}

int memcmp(const void *one, const void *other, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        int difference = ((const unsigned char *)one)[i] - ((const unsigned char *)other)[i];
        if (difference != 0)
            return difference;
    }
    return 0;
}

int strncmp(const char *one, const char *other, size_t bytes)
{
    size_t length = strlen(one) + 1;
    return memcmp(one, other, length < bytes ? length : bytes);
}

int strcmp(const char *one, const char *other)
{
    return strncmp(one, other, (size_t)-1);
}
