# SPDX-License-Identifier: Apache-2.0
"""The recorder's files: a header declares what its own file defines, calls make no circle, one folder knows machines.

Approach: the compiler tells. `-aux-info` lists each declaration and definition with its file, `nm` says which object
needs whose symbols; inline functions of headers are in the objects that use them. Rejected: a scanner of C, which would
have to know macros and attributes.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from tests.support.paths import ROOT

HELPERS = ROOT / "c_helpers"
PORT = ROOT / "tests" / "unit" / "c" / "recorder"
FLAGS = ["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Wmissing-prototypes", "-Werror", "-fno-inline"]
LISTED = re.compile(r"/\* (.+?):\d+:N([CF]) \*/ (extern|static) .*?(\w+) \(", re.MULTILINE)
INCLUDED = re.compile(r'^\s*#include "([^"]+)"', re.MULTILINE)
MACHINE = re.compile(r"__riscv|__x86_64__|__i386__|__XTENSA|__xtensa__|__arm__|__ARM|__aarch64__|__thumb")
# memtrace.h is the face of the whole folder; what a program calls is in whichever file it belongs to.
FACE = "memtrace.h"

Graph = Mapping[str, set[str]]


class Files:
    """What the files of one folder declare, define and call, as far as it is not static."""

    def __init__(self, sources: Iterable[Path], objects: Path, includes: Iterable[Path]) -> None:
        self.declared: dict[str, set[str]] = {}
        self.defined: dict[str, str] = {}
        needs: dict[str, set[str]] = {}
        for source in sources:
            made, listing = objects / f"{source.stem}.o", objects / f"{source.stem}.txt"
            places = [f"-I{folder}" for folder in includes]
            command = ["gcc", *FLAGS, *places, "-aux-info", str(listing), "-c", str(source), "-o", str(made)]
            subprocess.run(command, check=True)
            self._list(listing.read_text(), source.parent)
            words = subprocess.run(["nm", "-u", "-P", str(made)], check=True, capture_output=True, text=True).stdout
            needs[source.stem] = {line.split()[0] for line in words.splitlines()}
        self.calls: Graph = {
            stem: {Path(self.defined[name]).stem for name in names if name in self.defined} - {stem}
            for stem, names in needs.items()
        }

    def _list(self, listing: str, folder: Path) -> None:
        for place, what, reach, name in LISTED.findall(listing):
            if reach == "extern" and what == "F":
                self.defined[name] = Path(place).name
            elif reach == "extern" and place.endswith(".h") and folder.parent in Path(place).resolve().parents:
                self.declared.setdefault(Path(place).name, set()).add(name)

    def misplaced(self) -> list[str]:
        """Declarations whose definition is elsewhere, or nowhere."""
        return [
            f"{header}: {name} ({self.defined.get(name)})"
            for header, names in sorted(self.declared.items())
            for name in sorted(names)
            if self.defined.get(name) is None
            or (header != FACE and Path(self.defined[name]).stem != header.removesuffix(".h"))
        ]


def circle(graph: Graph) -> list[str]:
    """Files on a circle, or behind one: what is left when those that need nobody else are taken away."""
    left = dict(graph)
    while done := [name for name, needs in left.items() if not needs & set(left)]:
        for name in done:
            del left[name]
    return sorted(left)


def includes_of(files: Iterable[Path]) -> Graph:
    return {path.name: {Path(name).name for name in INCLUDED.findall(path.read_text())} - {path.name} for path in files}


@pytest.fixture(scope="module")
def recorder(tmp_path_factory: pytest.TempPathFactory) -> Files:
    places = (HELPERS / "include", PORT)
    sources = [*sorted((HELPERS / "recorder").glob("*.c")), *sorted((HELPERS / "ports" / "selftest").glob("*.c"))]
    return Files(sources, tmp_path_factory.mktemp("objects"), places)


def test_each_header_declares_what_its_own_file_defines(recorder: Files) -> None:
    assert {
        "ring.h",
        "stack.h",
        "names.h",
        "control.h",
        "gate.h",
        "live.h",
        "record.h",
        "memtrace_port_selftest.h",
        FACE,
    } <= set(recorder.declared)
    assert recorder.misplaced() == []


def test_no_file_calls_who_calls_it(recorder: Files) -> None:
    assert recorder.calls["record"] >= {"ring", "stack", "names", "live", "control"}
    assert circle(recorder.calls) == []


def test_no_header_includes_itself_by_others() -> None:
    graph = includes_of(HELPERS.rglob("*.[ch]"))
    assert "arch.h" in graph["memtrace.h"]
    assert circle(graph) == []


def test_machines_are_known_in_one_folder() -> None:
    """But for the ports, each of which is for some, and the recorder of Linux processes, which has its own file."""
    apart = {HELPERS / "ports", HELPERS / "linux"}
    sources = (path for path in sorted(HELPERS.rglob("*.[chS]")) if not apart & set(path.parents))
    named = [path for path in sources if MACHINE.search(path.read_text())]
    assert named and {path.parent.name for path in named} == {"arch"}
    chosen = [path.name for path in named if "#elif" in path.read_text() and path.suffix == ".h"]
    assert chosen == ["arch.h"], "the choice stands in one place"


def test_a_misplaced_declaration_and_a_circle_are_found(tmp_path: Path) -> None:
    folder = tmp_path / "bad" / "recorder"
    folder.mkdir(parents=True)
    (folder / "one.h").write_text("int one(int);\nint two(int);\nint three(int);\n")
    (folder / "one.c").write_text('#include "one.h"\nint one(int a) { return two(a); }\n')
    (folder / "two.c").write_text('#include "one.h"\nint two(int a) { return a ? one(a - 1) : 0; }\n')
    found = Files(sorted(folder.glob("*.c")), tmp_path, [])
    assert found.misplaced() == ["one.h: three (None)", "one.h: two (two.c)"]
    assert circle(found.calls) == ["one", "two"]
