# SPDX-License-Identifier: Apache-2.0
"""The ports' self-test: a port that keeps its promises passes, and each promise that is broken is found and named."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.support import recorder
from tests.support.paths import ROOT

SELFTEST = ROOT / "c_helpers" / "ports" / "selftest"
TEMPLATE = ROOT / "c_helpers" / "ports" / "template"
NAMES = re.findall(r"MEMTRACE_PROMISE_(\w+)", (SELFTEST / "memtrace_port_selftest.h").read_text())
SOURCES = (SELFTEST / "memtrace_port_selftest.c", recorder.FOLDER / "selftest.c")
CHECKED = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
# Where the lock is used, and where atomic instructions are.
BUILDS = {
    "64-lock": ("-m64", "-O1", "-DMEMTRACE_ATOMICS_BY_LOCK", *CHECKED),
    "32": ("-m32", "-O2", *CHECKED),
    "32-small": ("-m32", "-Os", "-DMEMTRACE_DEPTH=1"),
}
# What a port can break as it runs; the others are broken by how it is compiled.
COMPILED = {
    "FRAMES": ("-m64", "-O2", "-fomit-frame-pointer"),
    "CALLER": ("-m64", "-O1", "-DMEMTRACE_CALLER()=((struct memtrace_caller){(uintptr_t)memtrace_alloc,1})"),
    "ATOMICS": ("-m64", "-O1", "-DMEMTRACE_TEST_PLAIN_ATOMICS"),
}
RV32IMC = ("-march=rv32imc", "-mabi=ilp32", "-misa-spec=2.2", "--specs=picolibc.specs")
COMPILERS = (("gcc", "-m64"), ("gcc", "-m32"), ("riscv64-unknown-elf-gcc", *RV32IMC))
LOCK = {"LOCK_HOLDS", "LOCK_OPENS", "LOCK_NESTS"}
TRIES = 100  # two threads must meet: each gives its core away between the load and the store of a step


def build(folder: Path, flags: tuple[str, ...]) -> Path:
    waits = (
        "-DMEMTRACE_PORT_SELFTEST_SPINS=2000000",
        "-DMEMTRACE_PORT_SELFTEST_PAUSE()=sched_yield()",
        "-includesched.h",
    )
    return recorder.compile_with(folder / "selftest", SOURCES, (f"-I{SELFTEST}", "-no-pie", *waits, *flags))


def found(program: Path, *arguments: object) -> str:
    """The promise that was found broken, and the sentence."""
    command = [str(program), *map(str, arguments)]
    number, sentence = subprocess.check_output(command, text=True, timeout=600).rstrip().split(" ", 1)
    return f"{(['KEPT', *NAMES])[int(number)]}: {sentence}"


@pytest.mark.parametrize("name", BUILDS)
def test_each_broken_promise_is_found(name: str, tmp_path: Path) -> None:
    program = build(tmp_path, BUILDS[name])
    kept = "KEPT: every promise that could be checked is kept"
    assert found(program) == found(program, 0, "without hooks") == kept
    broken = [name for name in NAMES if name not in COMPILED]
    told = {promise: found(program, 1 + NAMES.index(promise)) for promise in broken}
    lock = "lock" in name
    assert {promise: text.split(":")[0] for promise, text in told.items()} == {
        promise: promise if lock or promise not in LOCK else "KEPT" for promise in broken
    }
    assert len(set(told.values())) == len(broken) - (0 if lock else len(LOCK) - 1)


@pytest.mark.parametrize("promise", COMPILED)
def test_what_a_build_breaks_is_found(promise: str, tmp_path: Path) -> None:
    program = build(tmp_path, COMPILED[promise])
    assert any(found(program).startswith(f"{promise}:") for _ in range(TRIES if promise == "ATOMICS" else 1))


def test_what_hangs_on_hooks_is_not_asked_without_them(tmp_path: Path) -> None:
    program = build(tmp_path, BUILDS["64-lock"])
    for promise in ("INTERRUPT", "OTHER_CORE", "CLOCK_RATE", *LOCK):
        assert found(program, 1 + NAMES.index(promise), "without hooks").startswith("KEPT")


@pytest.mark.parametrize("compiler", COMPILERS, ids=" ".join)
def test_the_template_compiles_as_it_is(compiler: tuple[str, ...], tmp_path: Path) -> None:
    places = (f"-I{folder}" for folder in (TEMPLATE, recorder.HELPERS / "include", SELFTEST))
    flags = ("-std=c11", "-O2", *recorder.WARNINGS, *places)
    for source in (*sorted((recorder.HELPERS / "recorder").glob("*.c")), SOURCES[0]):
        subprocess.run([*compiler, *flags, "-c", str(source), "-o", str(tmp_path / "one.o")], check=True)


@pytest.mark.parametrize("quick", [0, 1])
def test_a_port_without_a_clock_needs_none_of_its_functions(quick: int, tmp_path: Path) -> None:
    """Neither the recorder nor the self-test calls them: without them all compiles."""
    text = (TEMPLATE / "memtrace_port.h").read_text()
    clockless, gone = re.subn(
        r"^static inline \w+ memtrace_port_time(_full)?\(void\)\n\{.*?^\}\n", "", text, flags=re.M | re.S
    )
    assert gone == 2 and "#define MEMTRACE_PORT_TICK_HZ 0u" in text
    (tmp_path / "memtrace_port.h").write_text(clockless)
    places = (f"-I{folder}" for folder in (tmp_path, recorder.HELPERS / "include", SELFTEST))
    flags = ("-std=c11", "-O2", f"-DMEMTRACE_QUICK={quick}", *recorder.WARNINGS, *places)
    sources = (*sorted((recorder.HELPERS / "recorder").glob("*.c")), SOURCES[0])
    subprocess.run(["gcc", *flags, "-r", *map(str, sources), "-o", str(tmp_path / "all.o")], check=True)
    needed = subprocess.check_output(["nm", "-u", str(tmp_path / "all.o")], text=True)
    assert "memtrace_port_time" not in needed


@pytest.mark.parametrize("port", sorted(ROOT.glob("tests/**/memtrace_port.h")), ids=lambda port: port.parent.name)
def test_ports_have_the_templates_shape(port: Path) -> None:
    """The same members in the same order, so that two ports can be laid side by side."""
    wanted = members(TEMPLATE / "memtrace_port.h")
    assert len(wanted) == 13
    assert members(port) == wanted


def members(port: Path) -> list[str]:
    text = re.sub(r"/\*.*?\*/", "", port.read_text(), flags=re.DOTALL)
    heads = r"^#define (MEMTRACE_PORT_[A-Z]\w+) |^(struct memtrace_span) \{|^[a-z].*?(memtrace_port_\w+)\("
    found = [a or b or c for a, b, c in re.findall(heads, text, re.MULTILINE)]
    return [name for name in found if name != "MEMTRACE_PORT_H"]
