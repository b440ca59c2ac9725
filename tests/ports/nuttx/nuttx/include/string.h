/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STRING_H
#define STRING_H

#include <stddef.h>

void *memcpy(void *to, const void *from, size_t bytes);
void *memset(void *to, int byte, size_t bytes);
char *strncpy(char *to, const char *from, size_t bytes);
int strcmp(const char *one, const char *other);
int strncmp(const char *one, const char *other, size_t bytes);
int memcmp(const void *one, const void *other, size_t bytes);
size_t strlen(const char *text);
char *strdup(const char *text);

#endif
