/* SPDX-License-Identifier: Apache-2.0
 *
 * C++'s operators. Those of the usual libraries end in malloc and free, which record. Those of an allocator with operators of its own do not: they
 * are recorded here.
 */
#include <stdint.h>
#include <string.h>

#include "hooks.h"
#include "recorder.h"

#ifdef __LP64__
#define S "m"
#else
#define S "j"
#endif

typedef void *(*new_function)(size_t);
typedef void *(*new_nothrow_function)(size_t, const void *);
typedef void *(*new_aligned_function)(size_t, size_t);
typedef void *(*new_aligned_nothrow_function)(size_t, size_t, const void *);

/* Any of them, looked up at its first call. */
struct operator_of {
    const char *name;
    void *found;
    bool allocates; /* itself: without malloc */
};

static void operator_find(struct operator_of *operator_of)
{
    hooks_resolve();
    void *found = real_function(operator_of->name);
    operator_of->allocates = hooks_operators_allocate(found);
    __atomic_store_n(&operator_of->found, found, __ATOMIC_RELEASE);
}

static bool is_recorded(struct operator_of *operator_of)
{
    if (__builtin_expect(__atomic_load_n(&operator_of->found, __ATOMIC_ACQUIRE) == NULL, 0))
        operator_find(operator_of);
    return operator_of->allocates && !recorder_is_off() && record_inside == 0;
}

static void given(const struct caller *from, void *block, size_t size)
{
    if (block != NULL)
        record_alloc(from, (uintptr_t)block, size, HEAP_HOST);
}

/* The operators that throw are asked by their relatives that do not: an exception must not leave a hook in the middle. Only when those fail is the
 * real one called, and nothing is recorded. */
#define NEW(function, symbol, nothrow_symbol) \
    HOOK void *function(size_t size) __asm__(symbol); \
    HOOK void *function(size_t size) \
    { \
        static struct operator_of throwing = {.name = symbol}, nothrow = {.name = nothrow_symbol}; \
        if (is_recorded(&throwing) && is_recorded(&nothrow)) { \
            static const char tag; \
            record_inside++; \
            void *block = ((new_nothrow_function)(uintptr_t)nothrow.found)(size, &tag); \
            record_inside--; \
            given(CALLER(), block, size); \
            if (block != NULL) \
                return block; \
        } \
        return ((new_function)(uintptr_t)throwing.found)(size); \
    } \
    HOOK void *function##_nothrow(size_t size, const void *tag) __asm__(nothrow_symbol); \
    HOOK void *function##_nothrow(size_t size, const void *tag) \
    { \
        static struct operator_of nothrow = {.name = nothrow_symbol}; \
        if (!is_recorded(&nothrow)) \
            return ((new_nothrow_function)(uintptr_t)nothrow.found)(size, tag); \
        record_inside++; \
        void *block = ((new_nothrow_function)(uintptr_t)nothrow.found)(size, tag); \
        record_inside--; \
        given(CALLER(), block, size); \
        return block; \
    }

#define NEW_ALIGNED(function, symbol, nothrow_symbol) \
    HOOK void *function(size_t size, size_t alignment) __asm__(symbol); \
    HOOK void *function(size_t size, size_t alignment) \
    { \
        static struct operator_of throwing = {.name = symbol}, nothrow = {.name = nothrow_symbol}; \
        if (is_recorded(&throwing) && is_recorded(&nothrow)) { \
            static const char tag; \
            record_inside++; \
            void *block = ((new_aligned_nothrow_function)(uintptr_t)nothrow.found)(size, alignment, &tag); \
            record_inside--; \
            given(CALLER(), block, size); \
            if (block != NULL) \
                return block; \
        } \
        return ((new_aligned_function)(uintptr_t)throwing.found)(size, alignment); \
    } \
    HOOK void *function##_nothrow(size_t size, size_t alignment, const void *tag) __asm__(nothrow_symbol); \
    HOOK void *function##_nothrow(size_t size, size_t alignment, const void *tag) \
    { \
        static struct operator_of nothrow = {.name = nothrow_symbol}; \
        if (!is_recorded(&nothrow)) \
            return ((new_aligned_nothrow_function)(uintptr_t)nothrow.found)(size, alignment, tag); \
        record_inside++; \
        void *block = ((new_aligned_nothrow_function)(uintptr_t)nothrow.found)(size, alignment, tag); \
        record_inside--; \
        given(CALLER(), block, size); \
        return block; \
    }

/* A deletion with whatever says size, alignment, or that nothing is thrown: one or two words that the real one gets as they are. */
#define DELETE(function, symbol) \
    HOOK void function(void *block, uintptr_t second, uintptr_t third) __asm__(symbol); \
    HOOK void function(void *block, uintptr_t second, uintptr_t third) \
    { \
        static struct operator_of real_delete = {.name = symbol}; \
        bool recorded = is_recorded(&real_delete); \
        if (recorded && block != NULL) \
            record_free(CALLER(), (uintptr_t)block, HEAP_HOST); \
        record_inside += recorded; \
        ((void (*)(void *, uintptr_t, uintptr_t))(uintptr_t)real_delete.found)(block, second, third); \
        record_inside -= recorded; \
    }

NEW(hook_new, "_Znw" S, "_Znw" S "RKSt9nothrow_t")
NEW(hook_new_array, "_Zna" S, "_Zna" S "RKSt9nothrow_t")
NEW_ALIGNED(hook_new_aligned, "_Znw" S "St11align_val_t", "_Znw" S "St11align_val_tRKSt9nothrow_t")
NEW_ALIGNED(hook_new_array_aligned, "_Zna" S "St11align_val_t", "_Zna" S "St11align_val_tRKSt9nothrow_t")

DELETE(hook_delete, "_ZdlPv")
DELETE(hook_delete_sized, "_ZdlPv" S)
DELETE(hook_delete_nothrow, "_ZdlPvRKSt9nothrow_t")
DELETE(hook_delete_aligned, "_ZdlPvSt11align_val_t")
DELETE(hook_delete_aligned_nothrow, "_ZdlPvSt11align_val_tRKSt9nothrow_t")
DELETE(hook_delete_sized_aligned, "_ZdlPv" S "St11align_val_t")
DELETE(hook_delete_array, "_ZdaPv")
DELETE(hook_delete_array_sized, "_ZdaPv" S)
DELETE(hook_delete_array_nothrow, "_ZdaPvRKSt9nothrow_t")
DELETE(hook_delete_array_aligned, "_ZdaPvSt11align_val_t")
DELETE(hook_delete_array_aligned_nothrow, "_ZdaPvSt11align_val_tRKSt9nothrow_t")
DELETE(hook_delete_array_sized_aligned, "_ZdaPv" S "St11align_val_t")
