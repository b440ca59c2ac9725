/* SPDX-License-Identifier: Apache-2.0
 *
 * What changes the process: threads that begin, libraries that come and go.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

#include "modules.h"
#include "recorder.h"

static void look_up(void *function, const char *name)
{
    void *found = real_function(name);
    memcpy(function, &found, sizeof found);
}

HOOK int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument)
{
    static int (*real_create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    if (real_create == NULL)
        look_up(&real_create, "pthread_create");
    record_threads();
    return real_create(thread, attributes, start, argument);
}

/* The loader looks at who called it, so the real function takes this one's place: what it loads is found when its code is met. */
HOOK void *dlopen(const char *path, int flags)
{
    static void *(*real_open)(const char *, int);
    if (real_open == NULL)
        look_up(&real_open, "dlopen");
    modules_expect();
    return real_open(path, flags);
}

HOOK int dlclose(void *library)
{
    static int (*real_close)(void *);
    if (real_close == NULL)
        look_up(&real_close, "dlclose");
    int result = real_close(library);
    modules_changed();
    return result;
}
