/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>
void *memchr(const void *in, int byte, size_t bytes);
int memcmp(const void *one, const void *other, size_t bytes);
void *memcpy(void *to, const void *from, size_t bytes);
void *memmem(const void *in, size_t bytes, const void *sought, size_t length);
void *memmove(void *to, const void *from, size_t bytes);
void *memset(void *to, int byte, size_t bytes);
char *strchr(const char *in, int byte);
int strcmp(const char *one, const char *other);
char *strcpy(char *to, const char *from);
size_t strcspn(const char *in, const char *set);
char *strdup(const char *text);
char *strerror(int number);
size_t strlen(const char *text);
int strncmp(const char *one, const char *other, size_t most);
char *strndup(const char *text, size_t most);
char *strrchr(const char *in, int byte);
size_t strspn(const char *in, const char *set);
char *strstr(const char *in, const char *sought);
