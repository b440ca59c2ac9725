/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
typedef struct {
    const char *dli_fname;
    void *dli_fbase;
    const char *dli_sname;
    void *dli_saddr;
} Dl_info;
void *dlopen(const char *path, int flags);
int dlclose(void *library);
void *dlsym(void *library, const char *name);
void *dlvsym(void *library, const char *name, const char *version);
int dladdr(const void *address, Dl_info *info);
#define RTLD_LAZY 1
#define RTLD_NOW 2
#define RTLD_NOLOAD 4
#if defined(__LP64__)
#define RTLD_DEFAULT ((void *)0)
#define RTLD_NEXT ((void *)-1L)
#else
#define RTLD_DEFAULT ((void *)0xffffffff)
#define RTLD_NEXT ((void *)0xfffffffe)
#endif
