# SPDX-License-Identifier: Apache-2.0
"""Why no heap was found, in the first line of the answer: a live target, in GDB and in the shell."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.shell import memtrace
from tests.support.gdb import NATIVE_GDB, SOURCE, Capture, remote, run_gdb
from tests.support.named_program import Program, build, memory_of
from tests.support.rsp_stub import stub_of

SEARCH = "; search memory with --search START,END, or name one with --heap KIND@ADDRESS"
NOTHING = "memtrace: no heap found: no symbol leads to one, and nothing that was searched looks like one"
# Code of some length, which differs by a number.
CODE = "int table[8]; int work(int n) { STEPS return n; }\n"
STEPS = " ".join(f"n = n * NUMBER + table[{place % 8}] + {place};" for place in range(40))


def program(folder: Path, number: int, *flags: str, more: str = "") -> tuple[Path, list[tuple[int, bytes]]]:
    source = Program(CODE.replace("STEPS", STEPS.replace("NUMBER", str(number))) + more, (), "", (), "")
    folder.mkdir()
    elf = build(source, folder, *flags)
    return elf, memory_of(source, elf)


def first_lines(elf: Path, memory: list[tuple[int, bytes]]) -> list[str]:
    """Of `check` in GDB and in the shell."""
    with stub_of(memory) as stub:
        done = run_gdb([SOURCE, remote(stub.remote), Capture("heap-check")], elf=elf)
        said = memtrace("check", "--rsp", stub.remote, "--elf", elf)
    texts = (done.captured[0].error or done.captured[0].output, said.out or said.err)
    return [next(line for line in text.splitlines() if "no heap found" in line) for text in texts]


def test_no_program_in_gdb() -> None:
    with stub_of([(0x2000_0000, bytes(4096))]) as stub:
        done = run_gdb([SOURCE, remote(stub.remote), Capture("heap-check")])
    assert done.captured[0].error == f"memtrace: no heap found: no program is loaded: `file APP.elf`{SEARCH}"


def test_a_sound_program_without_a_heap_has_no_reason(tmp_path: Path) -> None:
    elf, memory = program(tmp_path / "one", 3)
    assert first_lines(elf, memory) == [NOTHING + SEARCH] * 2


def test_a_stripped_program(tmp_path: Path) -> None:
    elf, memory = program(tmp_path / "one", 3, "-s")
    line = f"memtrace: no heap found: the program has no symbols: give the ELF that was not stripped{SEARCH}"
    assert first_lines(elf, memory) == [line] * 2


def test_the_wrong_program(tmp_path: Path) -> None:
    elf, _ = program(tmp_path / "one", 3)
    _, memory = program(tmp_path / "other", 7)
    start = "memtrace: no heap found: the program is not the one that runs: memory holds other code"
    assert [line.startswith(start) for line in first_lines(elf, memory)] == [True, True]


def test_the_wrong_program_is_said_before_where_its_pointers_lead(tmp_path: Path) -> None:
    elf, _ = program(tmp_path / "one", 3, more="void *registered_heaps = (void *)0x80800000;")
    _, memory = program(tmp_path / "other", 7, more="void *registered_heaps = (void *)0x80800000;")
    for line in first_lines(elf, memory):
        assert line.startswith("no heap found: the program is not the one that runs"), line


def test_a_heap_that_is_not_set_up_yet(tmp_path: Path) -> None:
    for name, more, why in (
        ("idf", "void *registered_heaps;", "no heap is registered yet"),
        ("freertos", "char ucHeap[4096]; void *pxEnd;", "the heap of FreeRTOS is not initialised yet"),
        ("nuttx", "void *g_mmheap;", "g_mmheap at "),
    ):
        elf, memory = program(tmp_path / name, 3, more=more)
        for line in first_lines(elf, memory):
            assert line.startswith(f"no heap found: {why}"), line
            assert "look again" in line


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ("void *g_mmheap = (void *)0x80800000;", "outside of the memory that is known here"),
        ("void *registered_heaps = (void *)0x80800000;", "outside of the memory that is known here"),
        ("int other[99] = {1}; void *g_mmheap = &other;", "where no heap is"),
        ("int other[99] = {1}; void *registered_heaps = &other;", "where no heap is"),
    ],
)
def test_a_root_pointer_that_leads_to_no_heap(more: str, why: str, tmp_path: Path) -> None:
    elf, memory = program(tmp_path / "one", 3, more=more)
    name = "g_mmheap" if "g_mmheap" in more else "registered_heaps"
    for line in first_lines(elf, memory):
        assert line.startswith(f"no heap found: {name} at 0x"), line
        assert why in line
        assert ("set memtrace memory 0x80800000,0x80810000 (in the shell: --memory" in line) == ("outside" in why)


def test_a_native_program(tmp_path: Path) -> None:
    source = tmp_path / "program.c"
    source.write_text("#include <stdlib.h>\nint main(void) { return malloc(10) == 0; }\n")
    lines = [f"shell gcc -g {source} -o {tmp_path}/program", f"file {tmp_path}/program", SOURCE, "break main", "run"]
    done = run_gdb([*lines, Capture("heap-check")], program=NATIVE_GDB)
    start = "memtrace: no heap found: this program uses glibc's malloc, which memtrace does not know yet; "
    assert (done.captured[0].error or "").startswith(start), done.stdout
