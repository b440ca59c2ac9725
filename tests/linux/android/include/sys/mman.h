/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <linux/mman.h>
#include <sys/types.h>
#define MAP_FAILED ((void *)-1)
void *mmap(void *at, size_t bytes, int protection, int flags, int file, off_t offset);
void *mmap64(void *at, size_t bytes, int protection, int flags, int file, off64_t offset);
int munmap(void *at, size_t bytes);
void *mremap(void *from, size_t bytes, size_t wanted, int flags, ...);
int madvise(void *at, size_t bytes, int advice);
int mprotect(void *at, size_t bytes, int protection);
