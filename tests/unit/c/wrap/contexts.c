/* SPDX-License-Identifier: Apache-2.0
 *
 * Several contexts within wrapped functions at once: threads as tasks, and an interrupt on the stack of the task that it comes to.
 */
#include <pthread.h>
#include <stdlib.h>

#include "real.h"

enum { THREADS = 4, PAIRS = 2000 };

void *_Znwm(size_t size);
void _ZdlPv(void *block);
void program(void);
void user_isr(void);
void user_task(void);

extern void (*interrupt)(void); /* prebuilt.c: comes within the allocator, once */

__attribute__((noinline)) void user_isr(void)
{
    struct real_here task = real_here;
    real_here.context = 1;
    _ZdlPv(_Znwm(11));
    real_here = task;
}

__attribute__((noinline)) void user_task(void)
{
    interrupt = user_isr;
    _ZdlPv(_Znwm(22));
}

static pthread_barrier_t together;

static void *run(void *name)
{
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    real_here = (struct real_here){(uintptr_t)name, here - 65536, here};
    pthread_barrier_wait(&together);
    for (unsigned i = 0; i < PAIRS; i++)
        _ZdlPv(_Znwm(33));
    return NULL;
}

void program(void)
{
    static char names[THREADS][2] = {"a", "b", "c", "d"};
    pthread_t threads[THREADS];
    pthread_barrier_init(&together, NULL, THREADS);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, run, names[i]);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    user_task();
}
