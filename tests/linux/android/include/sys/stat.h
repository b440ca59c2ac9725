/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <asm/stat.h>
#include <sys/types.h>
int fstat(int file, struct stat *found);
int mkdir(const char *path, mode_t mode);
int stat(const char *path, struct stat *found);
