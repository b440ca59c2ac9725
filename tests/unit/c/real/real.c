/* SPDX-License-Identifier: Apache-2.0 */
#include "real.h"

#include <stdio.h>

#include "memtrace.h"

enum { STACK_BYTES = 1 << 20 }; /* under the frame of who starts; every thread of this machine has more */

_Thread_local struct real_here real_here;

static uint64_t ring[64 * 1024 / 8];

int real_run(void (*program)(void), const char *path)
{
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    real_here = (struct real_here){(uintptr_t) "main", here - STACK_BYTES, here};
    FILE *file = fopen(path, "wb"); /* allocates: before the ring is there */
    if (file == NULL || !memtrace_init(ring, sizeof ring, NULL))
        return 1;
    program();
    memtrace_stop();
    fwrite(ring, 1, sizeof ring, file);
    printf("ring %lu\n", (unsigned long)(uintptr_t)ring);
    return fclose(file);
}
