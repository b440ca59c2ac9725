/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MALLOC_H
#define MALLOC_H

#include <stddef.h>

struct mallinfo {
    int arena;
    int mxordblk;
    int fordblks;
    int usmblks; /* the most that was ever in use */
};

void *memalign(size_t alignment, size_t size);
struct mallinfo mallinfo(void);

#endif
