# SPDX-License-Identifier: Apache-2.0
"""Who did it, over OpenOCD: the scenarios of tests/target with what their reports must say, by the same judges."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.culprits import BUGS, Bug, assert_named
from tests.support.gdb import Capture
from tests.support.openocd_scenario import debug


def check(scenario: str) -> dict[str, Any]:
    """`heap-check --json` at the scenario's end."""
    commands = ["break scenario_done", "continue", Capture("heap-check --json")]
    done, _ = debug(scenario, commands, "-c", "riscv set_mem_access sysbus")
    report = done.json()
    assert isinstance(report, dict), done.stderr
    return report


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.scenario)
def test_the_report_names_who_did_it(bug: Bug) -> None:
    assert_named(bug, check(bug.scenario))


@pytest.mark.parametrize("scenario", ["clean", "leak", "exhaustion", "two-heaps", "isr", "tasks"])
def test_a_sound_heap_has_no_finding(scenario: str) -> None:
    report = check(scenario)
    assert [heap["status"] for heap in report["heaps"]] == ["clean", "clean"]
    assert [heap["findings"] for heap in report["heaps"]] == [[], []]
    assert report["skipped"] == []
