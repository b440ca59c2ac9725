# SPDX-License-Identifier: Apache-2.0
"""An interrupt that allocates from a heap_4: what a user sees first, and what to type next."""

from __future__ import annotations

import re

from tests.support.gdb import Capture
from tests.support.scenario import run_scenario


def test_an_interrupt_in_a_heap_4_is_the_first_line() -> None:
    commands = ["heap-check", Capture("heap-check --json")]
    done = run_scenario("isr-few", commands, variant="heap-4", before=["break scenario_done"])
    first = next(line for line in done.stdout.splitlines() if line.startswith("who"))
    said = r"who: event seq \d+ came from an interrupt into freertos_heap_4, which only suspends the scheduler"
    assert re.match(rf"{said}: allocated by isr_message_send > isr_message_create concurrent\.c:\d+, freed by ", first)
    (heap,) = done.json()["heaps"]
    (note,) = heap["findings"]
    assert (heap["status"], note["rule"], note["severity"]) == ("clean", "interrupt-use", "note")
    assert done.json()["next"] == f"memtrace last {note['block']:#x}"
    assert note["suspects"][0]["task"] == "(interrupt)"


def test_an_interrupt_in_a_heap_that_shuts_interrupts_out_is_none() -> None:
    done = run_scenario("isr-few", [Capture("heap-check --json")], before=["break scenario_done"])
    assert [finding for heap in done.json()["heaps"] for finding in heap["findings"]] == []
