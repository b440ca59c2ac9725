/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <sched.h>
#include <sys/types.h>
typedef long pthread_t;
typedef int pthread_key_t;
typedef struct {
    unsigned flags;
    void *stack_base;
    size_t stack_size, guard_size;
    int policy, priority;
} pthread_attr_t;
int pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void));
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument);
int pthread_key_create(pthread_key_t *key, void (*destroy)(void *));
int pthread_setspecific(pthread_key_t key, const void *stored);
void *pthread_getspecific(pthread_key_t key);
pthread_t pthread_self(void);
int pthread_getattr_np(pthread_t thread, pthread_attr_t *attributes);
int pthread_attr_getstack(const pthread_attr_t *attributes, void **base, size_t *size);
int pthread_attr_destroy(pthread_attr_t *attributes);
