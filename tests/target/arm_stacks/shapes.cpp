// SPDX-License-Identifier: Apache-2.0
//
// Functions of the shapes that C++ has: constructors, virtual functions, templates, lambdas, containers and streams of text.
#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "program.h"

void *operator new(std::size_t size)
{
    return stacks_new(MEMTRACE_CALLER(), size);
}

void operator delete(void *block) noexcept
{
    free(block);
}

void operator delete(void *block, std::size_t) noexcept
{
    free(block);
}

namespace
{
struct Shape {
    virtual ~Shape() = default;
    virtual int area(int scale) = 0;
};

struct Listed : Shape {
    std::vector<int> values;
    int area(int scale) override
    {
        values.push_back(scale);
        return static_cast<int>(values.size()) * scale;
    }
};

struct Named : Shape {
    std::string name{"a name that is too long for the object itself"};
    int area(int scale) override
    {
        name += std::to_string(scale);
        return static_cast<int>(name.size());
    }
};

template <typename T>
__attribute__((noinline)) T folded(const std::vector<T> &values, const std::function<T(T, T)> &step)
{
    T sum{};
    for (const T &value : values)
        sum = step(sum, value);
    return sum;
}
} // namespace

int stacks_cpp(uint32_t seed)
{
    int number = static_cast<int>(seed % 17);
    std::vector<std::unique_ptr<Shape>> shapes;
    shapes.emplace_back(new Listed);
    shapes.emplace_back(new Named);
    std::map<std::string, int> areas;
    for (int i = 0; i < 3; i++) {
        for (auto &shape : shapes)
            areas["the area of a shape with number " + std::to_string(i)] += shape->area(number + i);
    }
    std::vector<int> values;
    for (const auto &area : areas)
        values.push_back(area.second);
    std::sort(values.begin(), values.end(), [](int left, int right) {
        return std::string(40, 'x').size() * static_cast<unsigned>(left) < static_cast<unsigned>(right) * 40u;
    });
    return folded<int>(values, [&](int sum, int value) {
        std::unique_ptr<int> copy(new int(value + number));
        return sum + *copy;
    });
}
