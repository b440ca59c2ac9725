# SPDX-License-Identifier: Apache-2.0
"""What names of 1,000 addresses cost in a program of C++ with more than 10 MB of debug information, with inlined calls.

The processor's time of whole processes, Python's start in it, beside one batch of addr2line -fiC in the same minutes.
The program is generated and built once, in a minute.
"""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from random import Random

from elftools.elf.elffile import ELFFile

from tests.support.bench import Row
from tests.support.paths import BUILD, ROOT

CXX = ("g++", "-std=c++17", "-g", "-O2", "-Wl,--build-id")
UNITS, ROUNDS, ADDRESSES, LEAST_DWARF = 12, 7, 1000, 10_000_000
UNIT = """
#include <functional>
#include <map>
#include <memory>
#include <regex>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>
namespace unit_{n} {{
template <int N> struct Item {{
    std::string name;
    std::shared_ptr<Item> next;
    std::vector<std::pair<int, std::string>> all;
}};
template <int N> int work(const std::string &text) {{
    std::map<std::string, Item<N>> items;
    std::unordered_map<int, std::set<std::string>> sets;
    std::vector<std::function<int(int)>> calls;
    for (const auto &c : text) {{
        auto &item = items[text + std::to_string(c)];
        item.next = std::make_shared<Item<N>>(item);
        item.all.emplace_back(c, text);
        sets[c].insert(item.name);
        calls.push_back([&, c](int x) {{ item.name += text; return int(sets[c].size()) + x; }});
    }}
    std::regex pattern("(" + text + ")+" + std::to_string(N));
    std::smatch found;
    int sum = std::regex_search(text, found, pattern);
    for (auto &call : calls) sum += call(N);
    return sum + int(items.size());
}}
int run(const std::string &text) {{ return {calls}; }}
}}
"""
ASK = """
import sys
from gdbext.symbols.outside import Outside
stacks = Outside(sys.argv[1]).frames_of([int(line, 16) + 1 for line in open(sys.argv[2])])
print(sum(map(len, stacks.values())), sum(stack[0].line is not None for stack in stacks.values()))
"""


def _program() -> Path:
    """Builds the program, if it is not there."""
    sources = {
        f"unit_{n}.cpp": UNIT.format(n=n, calls=" + ".join(f"work<{k}>(text)" for k in range(12))) for n in range(UNITS)
    }
    declared = "".join(f"namespace unit_{n} {{ int run(const std::string &); }}\n" for n in range(UNITS))
    called = " + ".join(f"unit_{n}::run(argv[0])" for n in range(UNITS))
    sources["main.cpp"] = f"#include <string>\n{declared}int main(int, char **argv) {{ return {called}; }}\n"
    folder = BUILD / "bench" / sha256(repr((CXX, sources)).encode()).hexdigest()[:16]
    elf = folder / "program"
    if not elf.exists():
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in sources.items():
            (folder / name).write_text(text)
        subprocess.run([*CXX, *sources, "-o", "program.new"], cwd=folder, check=True)
        (folder / "program.new").rename(elf)
    return elf


def _dwarf_bytes(elf: Path) -> int:
    with elf.open("rb") as file:
        return sum(one["sh_size"] for one in ELFFile(file).iter_sections() if one.name.startswith(".debug"))


def _calls(elf: Path) -> list[str]:
    """1,000 of the program's calls, the last byte of each."""
    done = subprocess.run(["objdump", "-d", elf], capture_output=True, text=True, check=True)
    found = [int(one, 16) - 1 for one in re.findall(r"\tcall .*\n +([0-9a-f]+):", done.stdout)]
    return [f"{place:#x}\n" for place in Random(1).sample(found, ADDRESSES)]


def _cpu(line: list[str], environment: Mapping[str, str], given: Path | None = None) -> tuple[float, str]:
    """The seconds of the processor that a process and its children take, and what it prints."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with open(given or os.devnull, "rb") as file:
        done = subprocess.run(
            line, stdin=file, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, check=True
        )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, done.stdout.decode()


def rows() -> Iterable[Row]:
    """Ratios to the peer in the same run, and the warm time."""
    elf = _program()
    dwarf = _dwarf_bytes(elf)
    assert dwarf >= LEAST_DWARF, dwarf
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        (work / "places").write_text("".join(_calls(elf)))
        (work / "bin").mkdir()
        (work / "bin" / "addr2line").symlink_to(shutil.which("addr2line") or "addr2line")
        ask = [sys.executable, "-c", ASK, str(elf), str(work / "places")]
        alone = {"PATH": str(work / "bin")}

        def cold(more: Mapping[str, str]) -> float:
            shutil.rmtree(work / "cache", ignore_errors=True)
            return _cpu(ask, {"XDG_CACHE_HOME": str(work / "cache"), **more})[0]

        kept = {"XDG_CACHE_HOME": str(work / "cache")}
        # By turns, and the best of each: what else runs on the machine makes all of them slower, at other times.
        measures: dict[str, Callable[[], float]] = {
            "peer": lambda: _cpu(["addr2line", "-fiC", "-e", str(elf)], {}, work / "places")[0],
            "start": lambda: _cpu([sys.executable, "-c", "pass"], {})[0],
            "gnu": lambda: cold(alone),
            "llvm": lambda: cold({}),
            "warm": lambda: _cpu(ask, kept)[0],
        }
        taken = [{name: measure() for name, measure in measures.items()} for _ in range(ROUNDS)]
        best = {name: min(one[name] for one in taken) for name in measures}
        told = _cpu(ask, kept)[1].split()
    note = f"{dwarf / 1e6:.0f} MB of DWARF; addr2line -fiC: {best['peer']:.2f} s, Python's start: {best['start']:.3f} s"
    yield Row(
        "1,000 addresses, cold, llvm-symbolizer: CPU / addr2line -fiC", best["llvm"] / best["peer"], 1.0, "", note
    )
    yield Row(
        "the same, addr2line alone", best["gnu"] / best["peer"], 1.2, "", f"frames, with lines: {', '.join(told)}"
    )
    yield Row("the same, warm: CPU beyond Python's start", best["warm"] - best["start"], 0.1, "s")
