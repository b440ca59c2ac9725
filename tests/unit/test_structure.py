# SPDX-License-Identifier: Apache-2.0
"""The shape of the house: arrows point one way, nothing loads late, no kind of heap is asked for by its name."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import lru_cache

from tests.support.paths import ROOT

# What each room may import from, beside itself and what stands before it: the arrows of docs/explanation/design.md.
FLOORS = [
    {"model", "loading", "package"},
    {"source"},
    {"symbols", "flash"},
    {"heap", "trace", "kernel"},
    {"console"},
    {"target"},
    {"analyse"},
    {"report"},
    {"collect"},
    {"commands"},
    {"faces"},
    {"memtrace", "__main__"},
]
ABSENT_AT_TIMES = {"elftools", "serial", "zstandard"}  # packages that a user may not have: imported where they are used
FOR_CHECKERS_ALONE = "typing_extensions"


@lru_cache(maxsize=1)
def modules() -> dict[str, ast.Module]:
    """Every module of the package, parsed, by its dotted name."""
    found = {}
    for path in sorted((ROOT / "gdbext").rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        found[name] = ast.parse(path.read_text(encoding="utf-8"))
    return found


def imported(name: str) -> Iterator[str]:
    """The modules of the package that a module imports, wherever in it."""
    for node in ast.walk(modules()[name]):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gdbext"):
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in modules() else str(node.module)


def room(name: str) -> str:
    return [*name.split("."), "gdbext"][1]


def folder(name: str) -> str:
    """The package that a module stands in: itself, if it is one."""
    return name if any(other.startswith(f"{name}.") for other in modules()) else name.rpartition(".")[0]


def floor(name: str) -> int:
    return next(number for number, rooms in enumerate(FLOORS) if room(name) in rooms)


def test_every_room_has_a_floor() -> None:
    rooms = {room(name) for name in modules() if name != "gdbext"}
    assert rooms == set().union(*FLOORS)


def test_arrows_point_down() -> None:
    up = [
        f"{name} -> {other}"
        for name in modules()
        for other in imported(name)
        if "gdbext" not in (name, other) and room(name) != room(other) and floor(name) <= floor(other)
    ]
    assert up == []


def test_no_circle() -> None:
    left = {name: {other for other in imported(name) if other != name} for name in modules()}
    while True:
        free = [name for name, needed in left.items() if not needed & left.keys()]
        if not free:
            break
        for name in free:
            del left[name]
    assert left == {}


def test_what_is_imported_is_imported_at_the_top() -> None:
    """The loader has the one line that imports later."""
    later = []
    for name, tree in modules().items():
        top = {id(node) for node in tree.body}
        for node in ast.walk(tree):
            if isinstance(node, (ast.Import, ast.ImportFrom)) and id(node) not in top:
                what = getattr(node, "module", None) or node.names[0].name
                later.append((name, what.split(".")[0]))
    assert {what for _, what in later} <= {*ABSENT_AT_TIMES, FOR_CHECKERS_ALONE}, later
    loaders = [name for name, tree in modules().items() if "import_module" in ast.dump(tree)]
    assert loaders == ["gdbext.loading"]


def test_no_layout_is_asked_for_outside_of_its_folder() -> None:
    nodes = [(name, node) for name, tree in modules().items() for node in ast.walk(tree)]
    made = {node.name: folder(name) for name, node in nodes if isinstance(node, ast.ClassDef)}
    assert made["TlsfLayout"] == "gdbext.heap.tlsf"
    asked = []
    for name, node in nodes:
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "isinstance":
            kinds = [one.id for one in ast.walk(node.args[1]) if isinstance(one, ast.Name)]
            asked += [(name, kind) for kind in kinds if kind.endswith(("Layout", "Geometry"))]
    assert [(name, kind) for name, kind in asked if folder(name) != made[kind] or kind == "Geometry"] == []


def test_only_files_of_gdb_import_gdb() -> None:
    using = [
        name
        for name, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Import) and any(alias.name == "gdb" for alias in node.names)
    ]
    assert {name.rpartition(".")[2].split("_")[0] for name in using} == {"gdb"}
    assert {room(name) for name in using} <= {"faces", "target", "source", "symbols"}


def test_the_analysis_reads_no_memory() -> None:
    reading = [f"{name} -> {other}" for name in modules() for other in imported(name) if room(name) == "analyse"]
    forbidden = ("gdbext.source.memory", "gdbext.target", "gdbext.report", "gdbext.collect")
    assert [one for one in reading if one.partition(" -> ")[2].startswith(forbidden)] == []


PRINTERS = {"gdbext.report.printable", "gdbext.faces.gdb_terminal"}  # what they print has passed `printable`


def test_nothing_is_printed_past_the_filter() -> None:
    """A name from memory, a file or the command line that reached a terminal otherwise would command it."""
    printing = set()
    for name, tree in modules().items():
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            called = ast.unparse(call.func)
            if called in ("print", "gdb.write", "gdb.GdbError") or re.fullmatch(
                r"sys\.(__)?std(out|err).*\.write", called
            ):
                printing.add(name)
    assert printing == PRINTERS
