# SPDX-License-Identifier: Apache-2.0
"""Two thousand broken inputs: nothing raises, nothing hangs, every report is well-formed.

`make test` runs the first half, `make test-long` the second. `make fuzz N=...` tries more.
"""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from gdbext.heap import registry
from tests.fuzz.broken import KINDS, Case, kind_of
from tests.fuzz.cases import problem
from tests.fuzz.run import main
from tests.fuzz.subjects import subjects
from tests.fuzz.wellformed import problems
from tests.support.rsp_virtual import VirtualServer

CASES, PIECES = 2000, 16


@pytest.mark.parametrize("piece", range(PIECES))
def test_broken_input_gives_a_report_or_one_clear_line(piece: int) -> None:
    share = CASES // PIECES
    said = {number: problem(number) for number in range(piece * share, (piece + 1) * share)}
    assert {number: wrong for number, wrong in said.items() if wrong is not None} == {}


def test_every_kind_of_broken_input_has_its_share() -> None:
    tried = Counter(kind_of(number) for number in range(100_000))
    assert set(tried) == set(KINDS) and min(tried.values()) >= 3000


def test_a_case_that_never_ends_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many handlers of exceptions it has."""

    def endless(_: Path, __: Random) -> Case:
        def answer(_: bytes) -> Iterator[tuple[float, bytes]]:
            while True:
                with contextlib.suppress(Exception):
                    while True:
                        pass
            yield 0.0, b""

        return Case(["check", "--heap", "tlsf@0x1000", "--rsp", "here:1"], VirtualServer(answer))

    monkeypatch.setitem(KINDS, kind_of(0), endless)
    wrong = problem(0, longest=0.1)
    assert wrong is not None and "more than 0.1 s" in wrong


def test_the_runner_tells_the_slowest_and_the_largest_case(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(len(KINDS)), "0"]) == 0
    printed = capsys.readouterr().out
    assert re.findall(r"^fuzz: +1 (\w+)$", printed, re.MULTILINE) == list(KINDS)
    assert re.search(r"slowest [0-9.]+ s: case \d+, \w+\nfuzz: largest [0-9,]+ MB: case \d+, \w+\n", printed)


def test_a_case_that_takes_much_memory_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def hungry(folder: Path, random: Random) -> Case:
        taken.append(b"x" * (80 << 20))
        return Case(["check", str(folder / "none")])

    taken: list[bytes] = []
    monkeypatch.setattr("tests.fuzz.run.LARGEST", 40 << 20)
    monkeypatch.setitem(KINDS, kind_of(0), hungry)
    assert main(["1", "0"]) == 1
    assert re.search(r"case 0, again by .*: \w+: [\d.]+ s, \d+ MiB\n", capsys.readouterr().out)


def test_the_subjects_are_of_every_kind() -> None:
    """heap_1 keeps no words of its own in its array."""
    assert {subject.heap.split("@")[0] for subject in subjects()} == {*registry.KINDS} - {
        registry.AUTO,
        "freertos_heap_1",
    }


def test_a_report_that_contradicts_itself_is_noticed() -> None:
    block = {"raw": 0x1000, "payload": 0x1000, "size": 64, "state": "used", "requested": None}
    heap = {"status": "clean", "findings": [], "gaps": [], "start": 0, "end": 1, "used_blocks": 2, "used_bytes": 128}
    heap["blocks"] = [block, {**block, "raw": 0x1020}]
    report = {"version": 1, "trace": None, "skipped": [], "cost": {}, "assertion": None, "heaps": [heap]}
    assert len(list(problems("check", report, 0))) == 1
    heap["status"] = "damaged"
    assert len(list(problems("check", report, 0))) == 3
