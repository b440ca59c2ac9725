/* SPDX-License-Identifier: Apache-2.0
 *
 * Real programs with the recorder in them: what they do is recorded, and written for a test to read.
 */
#ifndef REAL_H
#define REAL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Who runs on this thread: a task by its name, or 1, an interrupt; and its stack. */
struct real_here {
    uintptr_t context;
    uintptr_t low;
    uintptr_t high;
};

#ifdef __cplusplus
extern thread_local struct real_here real_here;
#else
extern _Thread_local struct real_here real_here;
#endif

/* Calls `program` as task "main" with the recorder running, then writes the ring into the file and prints where it was. */
int real_run(void (*program)(void), const char *path);

#ifdef __cplusplus
}
#endif

#endif
