// SPDX-License-Identifier: Apache-2.0
//
// A C++ program on the real C++ library: each function's events are its own, whatever lies between it and the allocator.
#include <cstdlib>
#include <new>
#include <vector>

#include "real.h"

#define USER extern "C" __attribute__((noinline)) void

struct alignas(64) Wide {
    char bytes[128];
};

struct Inner {
    long words[3];
};

struct Outer {
    Inner *inner;
    __attribute__((noinline)) Outer() : inner(new Inner)
    {
    }
    __attribute__((noinline)) ~Outer()
    {
        delete inner;
    }
};

static void *volatile held; // what the compiler must not see through
static volatile size_t too_much = SIZE_MAX / 4;
static void *reserve;

static void *hold(void *block)
{
    held = block;
    return held;
}

USER user_plain()
{
    delete static_cast<Inner *>(hold(new Inner));
}

USER user_array()
{
    delete[] static_cast<char *>(hold(new char[40]));
}

USER user_nothrow()
{
    operator delete(hold(operator new(40, std::nothrow)), std::nothrow);
    operator delete[](hold(operator new[](40, std::nothrow)), std::nothrow);
}

USER user_aligned()
{
    delete static_cast<Wide *>(hold(new Wide));
    delete[] static_cast<Wide *>(hold(new Wide[2]));
    operator delete(hold(operator new(40, std::align_val_t(64), std::nothrow)), std::align_val_t(64), std::nothrow);
}

USER user_nested()
{
    delete static_cast<Outer *>(hold(new Outer));
}

USER user_vector()
{
    std::vector<long> numbers(5);
    hold(numbers.data());
}

USER user_mismatch()
{
    free(hold(new Inner));
    delete static_cast<char *>(hold(malloc(40)));
    delete[] static_cast<char *>(hold(realloc(hold(new char[40]), 50)));
}

// Neither has a handler: it fails once, and an exception passes the wrapper.
USER user_too_much()
{
    try {
        hold(new char[too_much]);
    } catch (const std::bad_alloc &) {
    }
    hold(new (std::nothrow) char[too_much]);
}

extern "C" __attribute__((noinline)) void handler()
{
    std::set_new_handler(nullptr);
    free(reserve);
}

// The handler gives something back, and it is tried again.
USER user_handler()
{
    reserve = malloc(40);
    std::set_new_handler(handler);
    try {
        hold(new char[too_much]);
    } catch (const std::bad_alloc &) {
    }
}

extern "C" void program(void)
{
    user_plain();
    user_array();
    user_nothrow();
    user_aligned();
    user_nested();
    user_vector();
    user_mismatch();
    user_too_much();
    user_handler();
    user_plain();
}
