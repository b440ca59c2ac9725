# SPDX-License-Identifier: Apache-2.0
"""Two thousand broken inputs: nothing raises, nothing hangs, every report is well-formed.

`make test` runs the first half, `make test-long` the second. `make fuzz N=...` tries more.
"""

from __future__ import annotations

import pytest

from tests.fuzz.cases import problem
from tests.fuzz.subjects import subjects
from tests.fuzz.wellformed import problems

CASES, PIECES = 2000, 16


@pytest.mark.parametrize("piece", range(PIECES))
def test_broken_input_gives_a_report_or_one_clear_line(piece: int) -> None:
    share = CASES // PIECES
    wrong = {number: said for number in range(piece * share, (piece + 1) * share) if (said := problem(number))}
    assert wrong == {}


def test_the_subjects_are_of_every_kind() -> None:
    assert {subject.heap.split("@")[0] for subject in subjects()} == {
        "multi_heap",
        "tlsf",
        "freertos_heap_4",
        "freertos_heap_5",
        "freertos_heap_2",
    }


def test_a_report_that_contradicts_itself_is_noticed() -> None:
    block = {"raw": 0x1000, "payload": 0x1000, "size": 64, "state": "used", "requested": None}
    heap = {"status": "clean", "findings": [], "gaps": [], "start": 0, "end": 1, "used_blocks": 2, "used_bytes": 128}
    heap["blocks"] = [block, {**block, "raw": 0x1020}]
    report = {"version": 1, "trace": None, "skipped": [], "cost": {}, "assertion": None, "heaps": [heap]}
    assert len(list(problems("check", report, 0))) == 1
    heap["status"] = "damaged"
    assert len(list(problems("check", report, 0))) == 3
