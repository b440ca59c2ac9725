/* SPDX-License-Identifier: Apache-2.0
 *
 * Every entry of a C library's allocator, each called by a function of its own. WITH_POSIX: two that newlib has
 * not, WITH_R: those that it alone has.
 */
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "book.h"

void operators_run(void);

static volatile size_t huge = 100 << 20;
static char text[] = "a text of some letters";

USER(user_malloc)
{
    TAKES(user_malloc, 40, malloc(40), free(block));
    FAILS(user_malloc, huge, malloc(huge));
}

USER(user_calloc)
{
    TAKES(user_calloc, 40, calloc(4, 10), free(block));
    FAILS(user_calloc, huge * 3, calloc(huge, 3));
}

/* Moved, failed to be moved, and given back. */
#define MOVES(by, taken, larger, too_large, given) \
    do { \
        void *block = (taken); \
        uintptr_t from = (uintptr_t)block; \
        book_got(from, 40, by); \
        void *moved = (larger); \
        uintptr_t to = (uintptr_t)moved; \
        book_moved(from, to, 300, by); \
        book_moved(to, (uintptr_t)(too_large), huge, by); \
        book_gave(to, by); \
        given; \
    } while (0)

USER(user_realloc)
{
    MOVES(user_realloc, realloc(NULL, 40), realloc(block, 300), realloc(moved, huge), free((void *)to));
}

USER(user_realloc_to_nothing)
{
    void *left = NULL; /* newlib-nano gives a block of no bytes */
    TAKES(user_realloc_to_nothing, 16, malloc(16), left = realloc(block, 0));
    if (left != NULL)
        TAKES(user_realloc_to_nothing, 0, left, free(left));
}

USER(user_reallocarray)
{
    MOVES(user_reallocarray, reallocarray(NULL, 4, 10), reallocarray(block, 30, 10), reallocarray(moved, huge, 1),
          free((void *)to));
}

USER(user_aligned)
{
    TAKES(user_aligned, 40, memalign(64, 40), free(block));
    TAKES(user_aligned, 8, valloc(8), free(block));
    TAKES(user_aligned, 9, pvalloc(9), free(block));
    FAILS(user_aligned, huge, memalign(64, huge));
#ifdef WITH_POSIX
    void *got = NULL;
    TAKES(user_aligned, 64, aligned_alloc(32, 64), free(block));
    TAKES(user_aligned, 11, posix_memalign(&got, 64, 11) == 0 ? got : NULL, free(block));
#endif
}

USER(user_strings)
{
    TAKES(user_strings, sizeof text, strdup(text), free(block));
    TAKES(user_strings, 7, strndup(text, 6), free(block));
}

#ifdef WITH_R
#include <reent.h>

void *_memalign_r(struct _reent *reent, size_t alignment, size_t size);
void *_valloc_r(struct _reent *reent, size_t size);
void *_pvalloc_r(struct _reent *reent, size_t size);

USER(user_reentrant)
{
    TAKES(user_reentrant, 40, _malloc_r(_REENT, 40), _free_r(_REENT, block));
    TAKES(user_reentrant, 40, _calloc_r(_REENT, 4, 10), _free_r(_REENT, block));
    TAKES(user_reentrant, 40, _memalign_r(_REENT, 64, 40), _free_r(_REENT, block));
    TAKES(user_reentrant, 8, _valloc_r(_REENT, 8), _free_r(_REENT, block));
    TAKES(user_reentrant, 9, _pvalloc_r(_REENT, 9), _free_r(_REENT, block));
    TAKES(user_reentrant, sizeof text, _strdup_r(_REENT, text), _free_r(_REENT, block));
    TAKES(user_reentrant, 7, _strndup_r(_REENT, text, 6), _free_r(_REENT, block));
    FAILS(user_reentrant, huge, _malloc_r(_REENT, huge));
    MOVES(user_reentrant, _malloc_r(_REENT, 40), _realloc_r(_REENT, block, 300), _realloc_r(_REENT, moved, huge),
          _free_r(_REENT, (void *)to));
}
#endif

/* What a library allocates for itself is not in the book. */
USER(user_stream)
{
#ifdef WITH_STREAMS
    FILE *stream = fopen("name", "w");
    fputs(text, stream);
    fclose(stream);
#endif
}

int main(void)
{
    user_malloc();
    user_calloc();
    user_realloc();
    user_realloc_to_nothing();
    user_reallocarray();
    user_aligned();
    user_strings();
#ifdef WITH_R
    user_reentrant();
#endif
#ifdef WITH_OPERATORS
    operators_run();
#endif
    user_stream();
    book_print();
    return 0;
}
