# SPDX-License-Identifier: Apache-2.0
"""Names of C++ functions as c++filt -p has them, of whole libraries and of what no compiler writes."""

from __future__ import annotations

import re
import subprocess
import tracemalloc
from random import Random

import pytest

from gdbext.symbols.demangle import readable
from tests.support.mutate import EXTREMES

# Not read here: data, transaction clones; and c++filt writes std::string out before its own functions.
OTHER = re.compile(r"_Z(T[VTISC]|G[VRT]|L?St\d)|.*S[absiod]")
IN_FUNCTION = re.compile(r"_ZT?[vhn\d_]*Z|.*[IKNES]Z")  # c++filt keeps the parameters of the function around


def names_in(library: str) -> list[str]:
    path = subprocess.run(["g++", f"-print-file-name={library}"], capture_output=True, text=True, check=True)
    done = subprocess.run(["nm", "-D", path.stdout.strip()], capture_output=True, text=True, check=True)
    found = {line.split()[-1].split("@")[0] for line in done.stdout.splitlines() if re.search(r" [TtWw] _Z", line)}
    return sorted(name for name in found if not OTHER.match(name) and not IN_FUNCTION.match(name))


def by_cxxfilt(names: list[str]) -> list[str]:
    done = subprocess.run(["c++filt", "-p"], input="\n".join(names), capture_output=True, text=True, check=True)
    return [re.sub(r" \[clone .*?\]|(?<=thunk to )(.*)\(.*\).*", r"\1", line) for line in done.stdout.splitlines()]


def test_a_library_has_the_names_of_cxxfilt() -> None:
    names = names_in("libstdc++.so.6")
    assert len(names) > 2000
    told = by_cxxfilt(names)
    wrong = [(name, readable(name), other) for name, other in zip(names, told, strict=True) if readable(name) != other]
    assert wrong == []


@pytest.mark.parametrize(
    ("mangled", "name"),
    [
        ("main", "main"),
        ("heap_alloc.isra.0", "heap_alloc"),
        ("heap_alloc.constprop.0.cold", "heap_alloc"),
        ("operator.new", "operator.new"),
        ("_Znwm", "operator new"),
        ("_ZN3app4PoolIiLm4EEC2Ev.cold", "app::Pool<int, 4ul>::Pool"),
        ("_ZN12_GLOBAL__N_15LocalD1Ev", "(anonymous namespace)::Local::~Local"),
        ("_ZZN3app3runEiENKUliE_clEi", "app::run::{lambda(int)#1}::operator()"),
        ("_ZZ4mainENKUlT_E_clIiEEDaS_", "main::{lambda(auto:1)#1}::operator()<int>"),
        ("_ZNSt8functionIFvPKcEEclES1_", "std::function<void (char const*)>::operator()"),
        ("_Z4callIPFivEEvT_", "call<int (*)()>"),
        ("_Z4viewIA3_KcEvRT_", "view<char const [3]>"),
        ("_ZNKSs4sizeEv", "std::string::size"),
        ("_ZThn16_N3app4PoolD0Ev", "non-virtual thunk to app::Pool::~Pool"),
        ("_ZTv0_n24_N3app4PoolD0Ev", "virtual thunk to app::Pool::~Pool"),
        ("_Zli3_kmy", 'operator"" _km'),
        ("_ZN3app4nameB5cxx11Ev", "app::name[abi:cxx11]"),
        ("_ZN1aIXsrSt1bE5valueEE1cEv", "_ZN1aIXsrSt1bE5valueEE1cEv"),  # an expression
        ("_Z", "_Z"),
        ("_ZN", "_ZN"),
        ("_Z99999x", "_Z99999x"),
        ("_ZS_", "_ZS_"),
        ("_ZNT_", "_ZNT_"),
    ],
)
def test_a_name(mangled: str, name: str) -> None:
    assert readable(mangled) == name


def test_a_name_that_doubles_with_each_letter_stays_short() -> None:
    """Each pair has the one before it twice."""
    pairs = "".join(f"St4pairIS{digit}_S{digit}_E" for digit in "13579BDFHJLNPRTVXZ")
    bombs = [f"_Z1aISt4pairIiiE{pairs}Evv"]
    long = "A" * 3000
    bombs += [f"_Z1aI3000{long}" + "S0_" * 4000 + end for end in ("Evv", "")]
    bombs += [f"_Z1aI3000{long}{opened}{'S0_' * 4000}EEvv" for opened in ("J", "F", "Z1bvEUl")]
    tracemalloc.start()
    assert [readable(bomb) for bomb in bombs] == bombs
    assert tracemalloc.get_traced_memory()[1] < 1 << 21
    tracemalloc.stop()
    deep = "_Z1a" + "I1b" * 5000
    assert readable(deep) == deep


def test_broken_names_are_returned_as_they_are_or_as_some_name() -> None:
    random = Random(5)
    names = [name for name in names_in("libstdc++.so.6")[::17] if len(name) < 200]
    letters = "NISKPRTZEL_0123456789abcijmvw" + "".join(map(chr, (*EXTREMES[:8], 0x2028)))
    for name in names:
        broken = list(name)
        for _ in range(random.choice((1, 1, 3))):
            broken[random.randrange(2, len(broken))] = random.choice(letters)
        assert len(readable("".join(broken))) <= 1 << 14
        assert readable(name[: random.randrange(2, len(name))])
