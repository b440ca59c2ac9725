# SPDX-License-Identifier: Apache-2.0
"""A freestanding program of C++ for any of the compilers, and the return addresses of its calls.

It has what makes names hard: templates, operators, a lambda, functions of one file, inlined ones.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

SOURCE = """
typedef __SIZE_TYPE__ size;
#define APART __attribute__((noinline))
extern "C" { void *volatile sink; APART void *allocate(size n) { sink = (void *)n; return sink; } }
namespace app {
template <class T, size N> struct Pool {
    T first[N];
    Pool();
    ~Pool();
    template <class F> void each(F f);
    T operator[](size n) const;
    operator bool() const;
};
template <class T, size N> APART Pool<T, N>::Pool() { sink = allocate(N); sink = 0; } /* LINE: constructor */
template <class T, size N> APART Pool<T, N>::~Pool() { sink = allocate(N + 1); sink = 0; }
template <class T, size N> template <class F> APART void Pool<T, N>::each(F f) {
    for (T &one : first)
        f(one);
    sink = allocate(3);
    sink = 0;
}
template <class T, size N> APART T Pool<T, N>::operator[](size n) const { sink = allocate(n); return first[n]; }
template <class T, size N> APART Pool<T, N>::operator bool() const { sink = allocate(5); return sink != 0; }
namespace {
struct Local { APART void grow(int n) { sink = allocate(n); sink = 0; } }; /* LINE: grow */
}
APART static void quiet(int n) { sink = allocate(n); sink = 0; }
inline void *make(size n) { return allocate(2 * n); } /* LINE: make */
struct Maker {
    void *twice(size n) {
        sink = make(n); /* LINE: twice */
        return make(n + 1);
    }
};
}
extern "C" int main(int count, char **) {
    app::Pool<int, 4> pool;
    app::Local().grow(count);
    app::quiet(count);
    pool.each([](int &one) { sink = allocate(one); sink = 0; }); /* LINE: lambda */
    app::Maker maker;
    sink = maker.twice(count); /* LINE: main */
    sink = 0;
    return pool[1] + bool(pool);
}
"""
TARGETS = ("x86_64-linux-gnu", "riscv64-unknown-elf", "xtensa-lx106-elf")
FLAGS = (
    "-std=c++17", "-O2", "-fno-exceptions", "-fno-rtti", "-ffreestanding", "-nostdlib", "-static", "-Wl,-e,main",
    "-fcf-protection=none", "-fno-asynchronous-unwind-tables",
)  # fmt: skip
_ONLY = {"xtensa-lx106-elf": ("-mlongcalls",)}
_CALL = re.compile(r"^ *[0-9a-f]+:\t[^\t]*\t(?:call|jal|call0|callx0|jalr)\b.*\n *([0-9a-f]+):", re.MULTILINE)


def build(target: str, folder: Path, *flags: str, source: str = SOURCE) -> Path:
    """Compile it in a folder, as `program.cpp`; return its ELF file."""
    (folder / "program.cpp").write_text(source)
    line = [f"{target}-g++", *FLAGS, *_ONLY.get(target, ()), *(flags or ("-g",)), "program.cpp", "-o", "program.elf"]
    if "x86" not in target:
        line.remove("-fcf-protection=none")
    subprocess.run(line, cwd=folder, check=True)
    return folder / "program.elf"


def return_addresses(target: str, elf: Path) -> list[int]:
    """The address behind each call."""
    line = [f"{target}-objdump", "-d", str(elf)]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    found = [int(text, 16) for text in _CALL.findall(done.stdout)]
    assert found, "no calls: the pattern does not fit the disassembler"
    return found
