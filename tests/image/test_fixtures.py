# SPDX-License-Identifier: Apache-2.0
"""Every real heap image through the shell's own path: verdict, place, blocks and totals as their truth says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gdbext.commands.cli import main
from tests.support import judge
from tests.support.fixtures import Case, load_cases

CASES = load_cases()
STATUS = {"clean": 0, "damaged": 1, "unreadable": 2}


def check(case: Case, capsys: pytest.CaptureFixture[str], *heaps: str) -> tuple[int, dict[str, Any]]:
    """`memtrace check` on a case's images: exit status and report."""
    images = [word for image in case.images for word in ("--image", f"{image.base:#x}={image.path}")]
    named = [word for heap in heaps for word in ("--heap", heap)]
    status = main(["check", *images, *named, "--json", "--blocks"])
    report = json.loads(capsys.readouterr().out)
    assert isinstance(report, dict)
    return status, report


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.id}-{case.layout}-{case.damage_kind}")
def test_report_is_as_the_truth_says(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    status, report = check(case, capsys, case.heap.option)
    assert judge.problems(case, report) == []
    assert status == STATUS[report["heaps"][0]["status"]]


@pytest.mark.parametrize("case", [case for case in CASES if case.more_heaps], ids=lambda case: case.id)
def test_further_heaps_are_judged_by_themselves(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    _, report = check(case, capsys, *(heap.option for heap in (case.heap, *case.more_heaps)))
    for more, heap in zip(case.more_heaps, report["heaps"][1:], strict=True):
        assert heap["status"] == more.status
        assert more.totals is None or list(judge.totals_problems(more.totals, heap)) == []


def test_every_kind_is_there() -> None:
    assert len(CASES) >= 104
    assert len({case.layout for case in CASES}) >= 8
    assert {case.poisoning for case in CASES} == {"none", "light", "comprehensive"}
