# SPDX-License-Identifier: Apache-2.0
"""Stopping where an allocation fails, and what is said there."""

from __future__ import annotations

from tests.support.scenario import run_scenario

ON = ["set memtrace stop-on-failure on"]


def test_the_target_stops_at_the_failed_allocation_and_says_who_asked() -> None:
    lines = run_scenario("exhaustion", [], before=ON).stdout.splitlines()
    first = next(index for index, line in enumerate(lines) if line.startswith("memtrace: an allocation fails"))
    assert "app_main > test_exhaustion > frame_create" in lines[first]
    assert lines[first + 1].startswith("why: 8,192 bytes do not fit: memory has run out, 2,084 bytes are free")
    assert any(line.endswith("next: memtrace leaks") for line in lines)
