# SPDX-License-Identifier: Apache-2.0
"""A heap caught in the act is not damaged: `heap-check` on the way through one malloc and one free.

At one instruction of thirteen in `make test`. At each in `make test-long`, but on Xtensa, whose emulator and GDB take
longer.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.scenario import run_scenario

DRIVER = Path(__file__).with_name("stepping.py")


@pytest.mark.timeout(7200)  # two thousand reports
@pytest.mark.parametrize(
    ("variant", "stride"), [("default", 1), ("os", 1), ("default", 13), ("os", 13), ("de212", 13), ("lx106", 13)]
)
def test_never_damaged_between_two_instructions(variant: str, stride: int, tmp_path: Path) -> None:
    result = tmp_path / "verdicts.json"
    done = run_scenario(
        "step",
        [f"source {DRIVER}", f"python check_on_the_way({str(result)!r}, {stride})"],
        variant=variant,
        before=["set pagination off", "break step_begin"],
        timeout=6000,
    )
    found = json.loads(result.read_text()) if result.exists() else {"bad": done.stderr, "verdicts": {}}
    assert found["bad"] is None
    assert found["verdicts"]["clean"] > 300 // stride
    # The test would prove nothing if the heap were never seen half changed.
    assert any(rule.startswith("note:") for rule in found["rules"]), found["rules"]
