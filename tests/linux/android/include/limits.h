/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include_next <limits.h>
#define PATH_MAX 4096
#define SSIZE_MAX LONG_MAX
