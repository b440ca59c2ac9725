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
HEAPS = {0: (0x8021_0000, 0x8000), 1: (0x8022_0000, 0x2000), 2: (0x8030_0000, 0x1_0000)}
ALIAS = 0x8023_0000, 0x2000  # of heap 1, on the instruction bus
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
