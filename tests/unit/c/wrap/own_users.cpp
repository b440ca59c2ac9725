// SPDX-License-Identifier: Apache-2.0
//
// Who uses own_operators.cpp. In a file of its own: the linker wraps calls from one file to another only.
#include <new>

#define USER extern "C" __attribute__((noinline)) void

static void *volatile held;

USER user_pool()
{
    int *first = new int;
    held = first;
    int *second = new int;
    held = second;
    delete first;
    delete second;
}

USER user_moved()
{
    held = operator new(40, std::align_val_t(64));
    operator delete(held, std::align_val_t(64));
}

extern "C" void program(void)
{
    user_pool();
    user_moved();
}
