// SPDX-License-Identifier: Apache-2.0
//
// C++'s operators new and delete in every form. new.wrap has the linker's options. Compiled with the program's own flags:
// an exception passes through where the program has exceptions.
//
// Approach: the operators by their mangled names, which the linker wraps. One form calls another one, and that malloc.
// Assumptions: size_t is an unsigned int or an unsigned long, as the letter in the names says.
#include "memtrace_wrap.h"

// The letter of size_t in names, by the first word of its type: "unsigned int" or "long unsigned int".
#define LETTER_unsigned j,
#define LETTER_long m,
#define FIRST(letter, ...) letter
#define FIRST_OF(...) FIRST(__VA_ARGS__)
#define PASTE(left, right) left##right
#define PASTED(left, right) PASTE(left, right)
#define LETTER FIRST_OF(PASTED(LETTER_, __SIZE_TYPE__), )

#define REAL(name) PASTED(__real_, name)
#define WRAP(name) PASTED(__wrap_, name)
#define SIZED(head, tail) PASTED(head, PASTED(LETTER, tail)) // a name with size_t's letter in it
#define PLAIN

namespace
{

// Ended where the function is left, by an exception, too.
struct New {
    memtrace_wrap call;
    size_t size;
    void *block;

    New(memtrace_caller caller, size_t wanted) : call(), size(wanted), block(nullptr)
    {
        memtrace_entry_seen(MEMTRACE_ENTRY_NEW);
        memtrace_wrap_begin(&call, caller, MEMTRACE_WRAP_USER);
    }
    New(const New &) = delete;
    New &operator=(const New &) = delete;
    ~New()
    {
        memtrace_wrap_got(&call, block, size);
    }
};

} // namespace

#define NEW(name, parameters, arguments, throws) \
    extern "C" void *REAL(name) \
    parameters throws; \
    extern "C" void *WRAP(name) \
    parameters throws; \
    extern "C" void *WRAP(name) \
    parameters throws \
    { \
        if (memtrace_is_off()) \
            return REAL(name) arguments; \
        New made(MEMTRACE_CALLER(), size); \
        made.block = REAL(name) arguments; \
        return made.block; \
    }

#define DELETE(name, parameters, arguments) \
    extern "C" void REAL(name) parameters noexcept; \
    extern "C" void WRAP(name) parameters noexcept; \
    extern "C" void WRAP(name) parameters noexcept \
    { \
        if (memtrace_is_off()) { \
            REAL(name) arguments; \
            return; \
        } \
        memtrace_wrap call; \
        memtrace_wrap_give(&call, MEMTRACE_CALLER(), MEMTRACE_WRAP_USER, block); \
        REAL(name) arguments; \
        memtrace_wrap_end(&call); \
    }

// An align_val_t is passed as the size_t that it is, a reference as a pointer.
#define FORMS_OF_NEW(head) \
    NEW(SIZED(head, ), (size_t size), (size), PLAIN) \
    NEW(SIZED(head, RKSt9nothrow_t), (size_t size, const void *nothrow), (size, nothrow), noexcept) \
    NEW(SIZED(head, St11align_val_t), (size_t size, size_t alignment), (size, alignment), PLAIN) \
    NEW(SIZED(head, St11align_val_tRKSt9nothrow_t), (size_t size, size_t alignment, const void *nothrow), \
        (size, alignment, nothrow), noexcept)

#define FORMS_OF_DELETE(head) \
    DELETE(head, (void *block), (block)) \
    DELETE(PASTED(head, RKSt9nothrow_t), (void *block, const void *nothrow), (block, nothrow)) \
    DELETE(SIZED(head, ), (void *block, size_t size), (block, size)) \
    DELETE(PASTED(head, St11align_val_t), (void *block, size_t alignment), (block, alignment)) \
    DELETE(PASTED(head, St11align_val_tRKSt9nothrow_t), (void *block, size_t alignment, const void *nothrow), \
           (block, alignment, nothrow)) \
    DELETE(SIZED(head, St11align_val_t), (void *block, size_t size, size_t alignment), (block, size, alignment))

FORMS_OF_NEW(_Znw)
FORMS_OF_NEW(_Zna)
FORMS_OF_DELETE(_ZdlPv)
FORMS_OF_DELETE(_ZdaPv)
