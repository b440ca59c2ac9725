// SPDX-License-Identifier: Apache-2.0
//
// Stands for the SDK's operators: malloc and free, nothing else.
#include <cstdlib>
#include <new>

void *operator new(std::size_t size)
{
    return std::malloc(size);
}

void *operator new[](std::size_t size)
{
    return std::malloc(size);
}

void operator delete(void *block) noexcept
{
    std::free(block);
}

void operator delete[](void *block) noexcept
{
    std::free(block);
}

void operator delete(void *block, std::size_t) noexcept
{
    std::free(block);
}

void operator delete[](void *block, std::size_t) noexcept
{
    std::free(block);
}
