// SPDX-License-Identifier: Apache-2.0
//
// C++'s operators in every form, each called by a function of its own.
#include <new>

#include "book.h"

extern "C" void operators_run(void);

namespace
{

constexpr std::align_val_t round{64};
#ifdef __cpp_exceptions
volatile std::size_t huge = 100 << 20;
#endif

USER(user_new)
{
    TAKES(user_new, 40, operator new(40), operator delete(block));
    TAKES(user_new, 41, operator new(41), operator delete(block, 41));
    TAKES(user_new, 42, operator new(42, std::nothrow), operator delete(block, std::nothrow));
}

USER(user_new_array)
{
    TAKES(user_new_array, 40, operator new[](40), operator delete[](block));
    TAKES(user_new_array, 41, operator new[](41), operator delete[](block, 41));
    TAKES(user_new_array, 42, operator new[](42, std::nothrow), operator delete[](block, std::nothrow));
}

USER(user_new_aligned)
{
    TAKES(user_new_aligned, 40, operator new(40, round), operator delete(block, round));
    TAKES(user_new_aligned, 41, operator new(41, round), operator delete(block, 41, round));
    TAKES(user_new_aligned, 42, operator new(42, round, std::nothrow), operator delete(block, round, std::nothrow));
}

USER(user_new_aligned_array)
{
    TAKES(user_new_aligned_array, 40, operator new[](40, round), operator delete[](block, round));
    TAKES(user_new_aligned_array, 41, operator new[](41, round), operator delete[](block, 41, round));
    TAKES(user_new_aligned_array,
          42, operator new[](42, round, std::nothrow), operator delete[](block, round, std::nothrow));
}

struct Thing {
    int values[5];
    virtual ~Thing()
    {
    }
};

USER(user_object)
{
    Thing *thing = new Thing();
    book_got(reinterpret_cast<uintptr_t>(thing), sizeof *thing, user_object);
    book_gave(reinterpret_cast<uintptr_t>(thing), user_object);
    delete thing;
}

#ifdef __cpp_exceptions /* a library without them ends the program where there is no memory */
USER(user_failure)
{
    FAILS(user_failure, huge, operator new(huge, std::nothrow));
    FAILS(user_failure, huge, operator new[](huge, std::nothrow));
    try {
        FAILS(user_failure, 1, operator new(huge)); /* not reached */
    } catch (const std::bad_alloc &) {
        FAILS(user_failure, huge, nullptr);
    }
}
#endif

} // namespace

void operators_run(void)
{
    user_new();
    user_new_array();
    user_new_aligned();
    user_new_aligned_array();
    user_object();
#ifdef __cpp_exceptions
    user_failure();
#endif
}
