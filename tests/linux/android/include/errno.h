/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <asm/errno.h>
int *__errno(void);
#define errno (*__errno())
