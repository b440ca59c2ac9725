# SPDX-License-Identifier: Apache-2.0
"""The exit status says whether a command could do what it is for. The report is printed all the same, and says why."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.shell import memtrace
from tests.support import fixtures
from tests.support.core import core_bytes
from tests.support.ring import Ring

CASE = fixtures.case("a005")
IMAGES = [f"--image={image.base:#x}={image.path}" for image in CASE.images]
NOTHING = ["check", "blocks", "free", "leaks --unreachable", "status"]


@pytest.fixture
def zeros(tmp_path: Path) -> list[str]:
    (tmp_path / "zeros").write_bytes(bytes(3000))
    return [f"--image=0x1000={tmp_path / 'zeros'}"]


@pytest.mark.parametrize("words", NOTHING)
def test_where_no_heap_can_be_read_the_status_is_2(words: str, zeros: list[str]) -> None:
    said = memtrace(*words.split(), *zeros, "--heap=tlsf@0x1000")
    name = words.split()[0]
    assert said.status == 2
    what = {"leaks": "used block", "status": "heap and no trace"}.get(name, "heap")
    line = f"memtrace: {name}: no {what} could be read; the report says why\n"
    assert said.err == ("" if name == "check" else line)
    assert "no TLSF control block" in said.out and "no leak" not in said.out
    report = memtrace(*words.split(), *zeros, "--heap=tlsf@0x1000", "--json")
    assert report.status == 2 and report.json()["version"] == 1


def test_where_nothing_is_found_the_status_is_2(zeros: list[str]) -> None:
    assert [memtrace(name, *zeros).status for name in ("status", "log", "blocks", "free", "check")] == [2] * 5


@pytest.mark.parametrize("words", [*NOTHING, "last 1", "refs 1"])
def test_where_a_heap_is_read_it_is_0(words: str) -> None:
    said = memtrace(*words.split(), *IMAGES, f"--heap={CASE.heap.option}")
    assert (said.status, said.err) == (0, "")


def test_one_heap_of_two_is_something() -> None:
    heaps = [f"--heap={CASE.heap.option}", "--heap=tlsf@0x1000"]
    assert [memtrace(name, *IMAGES, *heaps).status for name in ("blocks", "free", "status", "check")] == [0, 0, 0, 2]


def test_a_trace_alone_is_something(tmp_path: Path) -> None:
    ring = Ring(0x2000_0000)
    ring.event("alloc", 0x3000_0000, 16)
    core = tmp_path / "core"
    core.write_bytes(core_bytes([(ring.address, ring.data())]))
    assert [memtrace(name, core).status for name in ("status", "log")] == [0, 0]
