/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MALLOC_H
#define MALLOC_H

#include <stddef.h>

void *memalign(size_t alignment, size_t size);

#endif
