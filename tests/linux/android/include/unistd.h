/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>
#include <sys/types.h>
#define STDERR_FILENO 2
#define _SC_PAGESIZE 0x27
extern char **environ;
int close(int file);
int dup(int file);
int dup2(int file, int to);
int dup3(int file, int to, int flags);
int ftruncate(int file, off_t bytes);
char *getcwd(char *to, size_t bytes);
pid_t getpid(void);
pid_t getppid(void);
pid_t gettid(void);
ssize_t pread(int file, void *to, size_t bytes, off_t offset);
ssize_t pread64(int file, void *to, size_t bytes, off64_t offset);
ssize_t pwrite(int file, const void *from, size_t bytes, off_t offset);
ssize_t pwrite64(int file, const void *from, size_t bytes, off64_t offset);
ssize_t read(int file, void *to, size_t bytes);
ssize_t readlink(const char *path, char *to, size_t bytes);
long syscall(long number, ...);
long sysconf(int name);
ssize_t write(int file, const void *from, size_t bytes);
