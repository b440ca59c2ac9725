/* SPDX-License-Identifier: Apache-2.0
 *
 * Copies of strings. strings.wrap has the linker's options.
 */
#include "memtrace_wrap.h"

char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t most);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t most);

char *__wrap_strdup(const char *text)
{
    if (memtrace_is_off())
        return __real_strdup(text);
    struct memtrace_wrap call;
    memtrace_wrap_begin(&call, MEMTRACE_CALLER(), MEMTRACE_WRAP_ALLOCATOR);
    return memtrace_wrap_got(&call, __real_strdup(text), memtrace_wrap_copy_bytes(text, SIZE_MAX));
}

char *__wrap_strndup(const char *text, size_t most)
{
    if (memtrace_is_off())
        return __real_strndup(text, most);
    struct memtrace_wrap call;
    memtrace_wrap_begin(&call, MEMTRACE_CALLER(), MEMTRACE_WRAP_ALLOCATOR);
    return memtrace_wrap_got(&call, __real_strndup(text, most), memtrace_wrap_copy_bytes(text, most));
}
