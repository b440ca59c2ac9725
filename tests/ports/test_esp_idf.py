# SPDX-License-Identifier: Apache-2.0
"""The component for ESP-IDF: each entry of its allocator is one event of the user's function, in each version and on each kind of chip.

tests/ports/esp_idf holds a small ESP-IDF (fake_idf.py) and a user's project; the options are read by the real kconfiglib, the component's
CMakeLists.txt by the real CMake, the application runs in QEMU.
"""

from __future__ import annotations

import re
from pathlib import Path

import kconfiglib
import pytest

from tests.ports.booked import SIZED, Told
from tests.ports.fake_idf import COMPONENT, CROSS, FAKE, Idf, Ran, project, ran
from tests.ports.steps import are_few, carry_out, steps_of
from tests.support.paths import ROOT
from tests.unit.real_program import run

NO_CXX = "CONFIG_MEMTRACE_CXX=n\n"  # there is no C++ library for this compiler
README = COMPONENT / "README.md"
RUNS = {
    "4.4": Idf("4.4", "rv32imc"),
    "5.1": Idf("5.1", "rv32imc"),
    "5.5": Idf("5.5"),
    "5.5-imc": Idf("5.5", "rv32imc"),
    "6.0": Idf("6.0", "rv32imac", "picolibc"),
    "6.2-imc": Idf("6.2", "rv32imc", "picolibc"),
}
ROM = NO_CXX + "CONFIG_HEAP_TLSF_USE_ROM_IMPL=y\n"
POISONED = NO_CXX + "CONFIG_HEAP_POISONING_LIGHT=y\n"
HEAPS = {0: (0x8051_0000, 0x8000), 1: (0x8052_0000, 0x2000), 2: (0x8060_0000, 0x1_0000)}
ALIAS = 0x8053_0000, 0x2000  # of heap 1, on the instruction bus
NONE = 31


def application(folder: Path, idf: Idf, options: str = NO_CXX, death: int = 0) -> Ran:
    return ran(idf.build(project(folder, options, application="app"), DEATH=str(death)))


def events(found: Ran) -> list[tuple[Told, str | None, int]]:
    """Who did what, with the task and the heap."""
    assert found.trace is not None and found.trace.info is not None and found.trace.info.lost == 0
    return [
        (
            Told(
                event.kind,
                event.address,
                event.size if event.kind in SIZED else 0,
                found.name(event.stack[0]) if event.stack else "",
            ),
            event.task,
            event.heap,
        )
        for event in found.trace.events
        if event.kind not in ("control", "mark")
    ]


def heap_of(address: int) -> int:
    """Where a block lies, by the table of the chip's memory."""
    if address - ALIAS[0] in range(ALIAS[1]):
        return 1
    return next((number for number, (start, size) in HEAPS.items() if address - start in range(size)), NONE)


@pytest.mark.parametrize("name", RUNS)
def test_the_ring_says_what_the_book_says(name: str, tmp_path: Path) -> None:
    found = application(tmp_path, RUNS[name])
    seen = events(found)
    assert len(found.book) > 50
    assert [told for told, _, _ in seen if told.user.startswith("user_") or not told.user] == found.book
    others = [(told.kind, told.user, task) for told, task, _ in seen if told.user and not told.user.startswith("user_")]
    assert others == [("alloc", "startup_driver", "(start-up)"), ("free", "vTaskDelete", "main")]


@pytest.mark.parametrize("name", ["4.4", "6.0"])
def test_each_event_has_its_heap_and_task(name: str, tmp_path: Path) -> None:
    seen = events(application(tmp_path, RUNS[name]))
    assert [heap for _, _, heap in seen] == [heap_of(told.address) for told, _, _ in seen]
    assert {heap for _, _, heap in seen} == {0, 1, 2, NONE}
    tasks = {told.user: task for told, task, _ in seen if told.user}
    assert tasks["user_interrupt"] == "(interrupt)" and tasks["user_malloc"] == "main" and tasks["user_ends"] == "worker"


@pytest.mark.parametrize("name", ["4.4", "5.5"])
def test_heaps_have_their_names_and_kinds(name: str, tmp_path: Path) -> None:
    trace = application(tmp_path, RUNS[name]).trace
    assert trace is not None
    assert {number: (heap.name, heap.memory, heap.capabilities) for number, heap in trace.heap_names.items()} == {
        0: ("DRAM", "internal", 0x180E),
        1: ("D/IRAM", "internal", 0x80B),
        2: ("SPIRAM", "external", 0x1406),
    }


# What kills the allocator, by app/deaths.c: the text, the function, and the options that it takes.
DEATHS = {
    "tlsf": (1, "block already marked as free", "tlsf_free", NO_CXX),
    "rom": (1, "block already marked as free", "tlsf_free", ROM),
    "poisoning": (2, "head != NULL", "multi_heap_free", POISONED),
    "multi_heap": (3, "abort() was called at PC 0x0 on core 0", "abort", NO_CXX),
    "heap_caps": (4, "free() target pointer is outside heap areas", "heap_caps_free", NO_CXX),
    "fault": (5, "fault", "the allocator", NO_CXX),
}


@pytest.mark.parametrize("name", DEATHS)
def test_the_ring_freezes_when_the_allocator_dies(name: str, tmp_path: Path) -> None:
    number, text, function, options = DEATHS[name]
    trace = application(tmp_path, Idf(), options, number).trace
    assert trace is not None and trace.assertion is not None
    assert (trace.assertion.text, trace.assertion.function) == (text, function)
    assert trace.events[-1].kind == "assert" and trace.events[-1].task == "main"


@pytest.mark.parametrize(("number", "options"), [(6, NO_CXX), (7, NO_CXX), (4, NO_CXX + "CONFIG_MEMTRACE_STOP_AT_PANIC=n\n")])
def test_no_other_death_freezes_it(number: int, options: str, tmp_path: Path) -> None:
    """An assertion and an abort() of the application's own; and where the option is off, all but tlsf's."""
    trace = application(tmp_path, Idf(), options, number).trace
    assert trace is not None and trace.assertion is None


@pytest.mark.parametrize("name", ["5.1", "5.5"])
def test_nothing_in_flash_is_touched(name: str, tmp_path: Path) -> None:
    """An access to the machine's flash is a fault from there on; app/entries.c prints its sign behind it."""
    found = application(tmp_path / "iram", RUNS[name], NO_CXX, -2)
    assert found.book == [Told("alloc", 1, 1, "")]
    found = application(tmp_path / "flash", RUNS[name], NO_CXX + "CONFIG_MEMTRACE_IN_IRAM=n\n", -2)
    assert found.book == []


@pytest.mark.parametrize("options", [NO_CXX, ROM])
def test_the_self_test_finds_every_hook(options: str, tmp_path: Path) -> None:
    assert application(tmp_path, Idf(), options, -1).words[0][0] == 0


def test_a_missing_hook_is_named(tmp_path: Path) -> None:
    """The linker's options without one function, and the heap compiled without the header."""
    folder = project(tmp_path, NO_CXX, application="app")
    (folder / "memtrace").unlink()
    (folder / "memtrace").mkdir()
    (folder / "memtrace" / "c_helpers").mkdir()
    for part in (ROOT / "c_helpers").iterdir():
        (folder / "memtrace" / "c_helpers" / part.name).symlink_to(part)
    ports = folder / "memtrace" / "c_helpers" / "ports"
    ports.unlink()
    (ports / "esp_idf").mkdir(parents=True)
    for file in COMPONENT.iterdir():
        (ports / "esp_idf" / file.name).write_text(file.read_text())
    lists = ports / "esp_idf" / "CMakeLists.txt"
    whole = lists.read_text()
    for there, wanted, missing in (
        ("set(wrapped malloc calloc", "set(wrapped malloc", 1 << 16),
        ("realloc free memalign", "realloc memalign", 1 << 2),
        ("-include memtrace_tlsf_assert.h", "-include stddef.h", 1 << 7),
    ):
        assert whole.count(there) == 1
        lists.write_text(whole.replace(there, wanted))
        assert ran(Idf().build(folder, DEATH="-1")).words[0][0] == missing


def test_the_system_s_heaps(tmp_path: Path) -> None:
    """Kind of memory and free bytes; capabilities and total of each (app/entries.c)."""
    words = application(tmp_path, Idf(), NO_CXX, -3).words
    assert [(begin[0], begin[2], end[0]) for begin, end in zip(words[::2], words[1::2], strict=True)] == [
        (1, 0x8000, 0x180E),
        (1, 0x2000, 0x80B),
        (2, 0x1_0000, 0x1406),
    ]
    assert all(0 < begin[1] < begin[2] for begin in words[::2])
