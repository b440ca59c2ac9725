# SPDX-License-Identifier: Apache-2.0
"""The bugs of tests/target/scenarios, and what a report must say of each.

For each bug: its kind, the culprit and the victim, by the marked lines that their stacks contain.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.markers import marked_line
from tests.support.paths import ROOT

SCENARIOS = ROOT / "tests" / "target" / "scenarios"
SOURCES = sorted(SCENARIOS.glob("*.c"))
Report = dict[str, Any]


@dataclass(frozen=True)
class Party:
    """A block that the report must name, by the marked lines that its stacks contain."""

    state: str
    allocated: str | None
    freed: str | None = None
    task: str = "main"


@dataclass(frozen=True)
class Bug:
    """A scenario with what the report must say of it, likeliest party first."""

    scenario: str
    kind: str
    rule: str
    first: Party
    second: Party | None = None
    asserts: bool = True
    told: bool = True  # whether the report's first line names who; zeros are everywhere, and name nobody
    heap: int = 0


def packets(kind: str, scenario: str, rule: str = "block-size", **more: Any) -> Bug:
    """A bug of overflow.c: two packets side by side, the right one is freed."""
    left = Party("used", "overflow-alloc")
    return Bug(scenario, kind, rule, left, Party("freeing", "overflow-alloc", "overflow-free"), **more)


BUGS = [
    Bug(
        "seed",
        "write-after-free",
        "block-size",
        Party("freed", "seed-alloc-data", "seed-free-data"),
        Party("freeing", "seed-alloc-next", "seed-free-next"),
    ),
    packets("overflow", "overflow-1"),
    packets("overflow", "overflow-4"),
    packets("overflow", "overflow-16"),
    Bug("overflow-1-nul", "overflow", "block-size", Party("used", "overflow-alloc"), asserts=False),
    Bug("realloc-overflow", "overflow", "block-size", Party("used", "realloc-grow")),
    packets("overflow", "header-zeroed", told=False),
    Bug("underflow-1", "underflow", "block-size", Party("freeing", "underflow-alloc", "overflow-free")),
    Bug("underflow-2", "underflow", "block-size", Party("freeing", "underflow-alloc", "overflow-free")),
    Bug("uaf-links", "write-after-free", "list-link", Party("freed", "node-alloc", "node-free")),
    Bug("uaf-links-text", "write-after-free", "list-link", Party("freed", "node-alloc", "node-free"), asserts=False),
    Bug(
        "double-free",
        "double-free",
        "double-free",
        Party("freed", "node-alloc", "node-free"),
        Party("freeing", "node-alloc", "double-free-second"),
    ),
    Bug("two-heaps-overflow", "overflow", "block-size", Party("used", "two-heaps-alloc"), heap=1),
    Bug("isr-overflow", "overflow", "block-size", Party("used", "isr-alloc", task="(interrupt)")),
    Bug(
        "tasks-overflow",
        "overflow",
        "block-size",
        Party("used", "tasks-log-alloc", task="logger"),
        Party("freeing", "tasks-produce", "tasks-consume", task="producer"),
    ),
    Bug("inlined", "overflow", "block-size", Party("used", "inlined-alloc")),
]


def damage(report: Report) -> list[dict[str, Any]]:
    """Every damage finding, with the position of its heap."""
    found = []
    for position, heap in enumerate(report["heaps"]):
        found += [{**finding, "heap": position} for finding in heap["findings"] if finding["severity"] == "damage"]
    return found


def place(marker: str) -> tuple[str, int]:
    """File and line of a marker, in whichever source it stands."""
    for source in SOURCES:
        if f"LINE: {marker} " in source.read_text():
            return source.name, marked_line(source, marker)
    raise KeyError(marker)


def places(stack: list[dict[str, Any]]) -> list[tuple[str, int]]:
    """File and line of each frame."""
    return [(Path(frame["file"]).name, frame["line"]) for frame in stack if frame["file"]]


def assert_party(suspect: dict[str, Any], party: Party) -> None:
    """The suspect is this party: its state, task and the lines in its stacks."""
    assert (suspect["state"], suspect["task"]) == (party.state, party.task)
    if party.allocated is not None:
        assert place(party.allocated) in places(suspect["allocated"])
    if party.freed is not None:
        assert place(party.freed) in places(suspect["freed"])
    assert suspect["seq"] is not None


def assert_named(bug: Bug, report: Report) -> None:
    """The report says of the bug what it must."""
    findings = damage(report)
    assert {finding["group"] for finding in findings} == {1}
    primary = findings[0]
    assert (primary["rule"], primary["heap"]) == (bug.rule, bug.heap)
    assert primary["explanations"][0]["kind"] == bug.kind
    assert primary["explanations"][0]["payload"] == primary["suspects"][0]["payload"]
    assert primary["explanations"][0]["evidence"]
    who = report["who"]
    assert (who["kind"], who["payload"]) == (
        (bug.kind, primary["suspects"][0]["payload"]) if bug.told else (None, None)
    )
    assert_party(primary["suspects"][0], bug.first)
    if bug.second is not None:
        assert any(matches(suspect, bug.second) for suspect in primary["suspects"][1:])
    assert (report["assertion"] is not None) == bug.asserts


def matches(suspect: dict[str, Any], party: Party) -> bool:
    """Whether the suspect is this party."""
    try:
        assert_party(suspect, party)
    except AssertionError:
        return False
    return True
