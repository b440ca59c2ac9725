# SPDX-License-Identifier: Apache-2.0
"""Real heap images, served to a real GDB: verdict, place, blocks and totals as their truth says."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import judge
from tests.support.fixtures import Case, select
from tests.support.gdb import SOURCE, Capture, remote, run_gdb
from tests.support.rsp_stub import stub_of

CASES = select(layout="espressif-dynamic", poisoning="none", kind="multi_heap")


def check(case: Case, *options: str) -> dict[str, Any]:
    """`heap-check --json` on a case's images."""
    heaps = " ".join(f"--heap {heap.option}" for heap in (case.heap, *case.more_heaps))
    command = f"heap-check {heaps} --json {' '.join(options)}"
    with stub_of((image.base, image.data) for image in case.images) as stub:
        done = run_gdb([SOURCE, remote(stub.remote), Capture(command)])
    report = done.json()
    assert isinstance(report, dict), done.stderr
    return report


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.id}-{case.damage_kind}")
def test_report_is_as_the_truth_says(case: Case) -> None:
    report = check(case, "--blocks")
    assert judge.problems(case, report) == []
    for more, heap in zip(case.more_heaps, report["heaps"][1:], strict=True):
        assert heap["status"] == more.status
        assert more.totals is None or list(judge.totals_problems(more.totals, heap)) == []


@pytest.mark.parametrize("case", [case for case in CASES if case.truth.status == "damaged"], ids=lambda case: case.id)
def test_one_cause_is_one_group(case: Case) -> None:
    report = check(case)
    assert {finding["group"] for heap in report["heaps"] for finding in heap["findings"]} == {1}


def test_the_cases_are_there() -> None:
    assert len(CASES) >= 35
    assert {case.truth.status for case in CASES} == {"clean", "damaged"}
