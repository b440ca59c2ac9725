# SPDX-License-Identifier: Apache-2.0
"""The house's shape, measured: small functions, a licence line in every source, nothing that ties it to one machine."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.paths import ROOT

MEDIAN, NINE_IN_TEN, MOST = 10, 30, 60
SPDX = "SPDX-License-Identifier: Apache-2.0"
# Prose, data and what must be the text of others (.wrap: a linker's options, which know no comments) carries no licence
# line of its own: LICENSE speaks for it.
NO_SPDX = {"", ".md", ".json", ".txt", ".gz", ".bin", ".log", ".golden", ".out", ".wrap"}
NAMED = {"Makefile", ".ci/run", "tools/setup", "tools/packages.txt", "tools/requirements.txt"}
C_HEAD = re.compile(r"^[A-Za-z_][^;{}=]*\)\s*(?:__attribute__\s*\(\(.*\)\)\s*)?\{\s*$")


@dataclass(frozen=True, order=True)
class Function:
    lines: int
    where: str


def files() -> list[Path]:
    """Every file that is in the repository or is not ignored by it."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    return [ROOT / name for name in listed if (ROOT / name).is_file()]


def python_functions(path: Path) -> Iterator[Function]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            assert node.end_lineno is not None
            yield Function(node.end_lineno - node.lineno + 1, f"{path.relative_to(ROOT)}:{node.lineno} {node.name}")


def c_functions(path: Path) -> Iterator[Function]:
    """Functions whose body opens at the end of a line or on a line of its own, and closes in the first column."""
    start: int | None = None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if line.startswith("{") or C_HEAD.match(line):
            start = number
        elif line.startswith("}") and start is not None:
            yield Function(number - start + 1, f"{path.relative_to(ROOT)}:{start}")
            start = None


SCANNERS: dict[str, Callable[[Path], Iterator[Function]]] = {
    ".py": python_functions,
    ".c": c_functions,
    ".h": c_functions,
}


def functions() -> list[Function]:
    return sorted(found for path in files() if path.suffix in SCANNERS for found in SCANNERS[path.suffix](path))


def test_functions_are_small() -> None:
    found = functions()
    sizes = [function.lines for function in found]
    assert sizes, "no functions found: the scanner is broken"
    longest = "\n".join(f"{function.lines:4} {function.where}" for function in reversed(found[-20:]))
    assert sizes[-1] <= MOST, f"longer than {MOST} lines:\n{longest}"
    assert sizes[len(sizes) * 9 // 10] <= NINE_IN_TEN, f"more than one in ten over {NINE_IN_TEN} lines:\n{longest}"
    assert sizes[len(sizes) // 2] <= MEDIAN, f"median over {MEDIAN} lines"


def test_every_source_names_its_licence() -> None:
    bare = [
        str(path.relative_to(ROOT))
        for path in files()
        if (path.suffix not in NO_SPDX or str(path.relative_to(ROOT)) in NAMED)
        and SPDX not in path.read_bytes()[:400].decode(errors="replace")
    ]
    assert not bare, f"no '{SPDX}' near the top of: {', '.join(bare)}"


def test_nothing_names_a_machine() -> None:
    """No package registry's host and no path of one machine stands in what is committed."""
    hosts = ("pypi" + ".org", "deb.debian" + ".org", "pythonhosted" + ".org", "/root" + "/", "/home" + "/")
    named = [
        f"{path.relative_to(ROOT)}: {host}"
        for path in files()
        for host in hosts
        if path.suffix not in {".gz", ".bin"} and host in path.read_text(encoding="utf-8", errors="replace")
    ]
    assert not named, named


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        ("int f(void)\n{\n    return 1;\n}\n", [3]),
        ("int f(int a) {\n}\nstatic int x = 1;\nint g(void)\n{\n}\n", [2, 2]),
    ],
)
def test_c_functions_are_found(body: str, lines: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.unit.test_style.ROOT", tmp_path)
    source = tmp_path / "one.c"
    source.write_text(body)
    assert [function.lines for function in c_functions(source)] == lines


CLOCKS = {"time", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "process_time", "thread_time"}
SHORTEST_WAIT = 30


def clock_verdicts(tree: ast.AST) -> Iterator[int]:
    """Lines where a test compares a clock, or waits for so short that a busy machine fails it."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.Assert, ast.Compare)):
            called = [one.func for one in ast.walk(node) if isinstance(one, ast.Call)]
            if any(isinstance(one, ast.Attribute) and one.attr in CLOCKS for one in called):
                yield node.lineno
        elif isinstance(node, ast.keyword) and node.arg == "timeout" and isinstance(node.value, ast.Constant):
            if node.value.value < SHORTEST_WAIT:
                yield node.lineno
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "sleep":
            yield node.lineno


def test_no_verdict_hangs_on_speed() -> None:
    """Tests wait for what comes by itself (tests.support.rsp_traffic.wait_until), and for what they count."""
    tests = [path for path in files() if path.match("tests/*/test_*.py")]
    found = {
        f"{path.relative_to(ROOT)}:{line}"
        for path in tests
        for line in clock_verdicts(ast.parse(path.read_text(encoding="utf-8")))
        if "# wanted" not in path.read_text(encoding="utf-8").splitlines()[line - 1]
    }
    assert not found, f"a clock, a sleep or a wait under {SHORTEST_WAIT} s decides here: {sorted(found)}"


@pytest.mark.parametrize("line", ["assert time.monotonic() - began < 3", "run(timeout=5)", "time.sleep(1)"])
def test_a_clock_is_found(line: str) -> None:
    assert list(clock_verdicts(ast.parse(line)))
    assert not list(clock_verdicts(ast.parse("run(timeout=60)")))


def imported(tree: ast.AST) -> Iterator[str]:
    """Every module that a source imports, by its whole name; of `from a import b` both a and a.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: an import that begins with a dot"
            yield node.module or ""
            yield from (f"{node.module}.{name.name}" for name in node.names)


def is_test(module: str) -> bool:
    return module.startswith("tests.") and any(part.startswith("test_") for part in module.split("."))


def imports_of(*folders: str) -> dict[str, set[str]]:
    """What each of the Python sources in these folders imports."""
    paths = [path for path in files() if path.suffix == ".py" and str(path.relative_to(ROOT)).startswith(folders)]
    return {str(path.relative_to(ROOT)): set(imported(ast.parse(path.read_text(encoding="utf-8")))) for path in paths}


def test_no_test_is_imported() -> None:
    """What two of them need lies in tests/support, or beside them in a module that holds no test."""
    everything = imports_of("tests/")
    assert len(everything) > 100, "the tests are elsewhere"
    assert {path: names for path, modules in everything.items() if (names := set(filter(is_test, modules)))} == {}


OURS = ("gdbext", "tests")
OF_SUPPORT = ("tests.support", "tests.toolchain")


def foreign(modules: set[str]) -> set[str]:
    """What the harness may not import: the package under test, and tests."""
    ours = {name for name in modules if name.split(".")[0] in OURS and name != "tests"}
    return {name for name in ours if not any(name == one or name.startswith(f"{one}.") for one in OF_SUPPORT)}


def test_the_harness_does_not_import_what_it_tests() -> None:
    harness = imports_of("tests/support/", "tests/toolchain/")
    assert len(harness) > 30, "the harness is elsewhere"
    assert {path: names for path, modules in harness.items() if (names := foreign(modules))} == {}


def test_an_import_is_found_wherever_it_stands() -> None:
    inside = ast.parse("import tests.image.test_heaps\ndef f():\n    from tests.rsp import test_named, x\n")
    assert set(filter(is_test, imported(inside))) == {"tests.image.test_heaps", "tests.rsp.test_named"}
    within = ast.parse("def f():\n    from gdbext import model\n    from tests.support import paths\n    import gdb\n")
    assert foreign(set(imported(within))) == {"gdbext", "gdbext.model"}
    assert foreign({"tests.cli.shell"}) == {"tests.cli.shell"}
