/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <linux/fcntl.h>
#include <sys/types.h>
int open(const char *path, int flags, ...);
int fcntl(int file, int command, ...);
int fallocate(int file, int mode, off_t offset, off_t bytes);
int fallocate64(int file, int mode, off64_t offset, off64_t bytes);
