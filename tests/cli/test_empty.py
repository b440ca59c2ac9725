# SPDX-License-Identifier: Apache-2.0
"""A list that is empty says why; a list of a damaged heap says that it is damaged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import memtrace
from tests.support import fixtures
from tests.support.core import core_bytes
from tests.support.ring import Ring

CLEAN, DAMAGED = "a005", "a030"


def core(name: str, folder: Path, tasks: tuple[str, ...] = ("net", "ui"), *, freed: bool = False) -> Path:
    """A fixture, and a ring in which each task has allocated one of its blocks."""
    case = fixtures.case(name)
    ring = Ring(0x2000_0000, names=[(1, ""), (1, ""), (1, ""), *((1, task) for task in tasks)], capacity=64)
    for number, block in enumerate(case.truth.blocks[: len(tasks)]):
        ring.event("alloc", block.payload, block.requested, context=3 + number)
        if freed:
            ring.event("free", block.payload, context=3 + number)
    ranges = [(image.base, image.data) for image in case.images]
    path = folder / "core"
    path.write_bytes(core_bytes([*ranges, (ring.address, ring.data())]))
    return path


def empty(*words: object) -> tuple[Any, list[str]]:
    """The facts of why a list is empty, and their words, each a line of the text."""
    report, text = memtrace(*words, "--json").json(), memtrace(*words)
    assert set(report["empty"]) <= set(text.out.splitlines())
    return report["empty_facts"], report["empty"]


def test_a_kind_of_event_that_never_came(tmp_path: Path) -> None:
    facts, (line,) = empty("log", core(CLEAN, tmp_path), "--kind", "mark")
    assert facts == [
        {
            "sentence": "nothing-passes",
            "entries": {"sentence": "events-in-trace", "events": 2},
            "filters": ["--kind mark"],
        }
    ]
    assert line == "nothing is listed: none of the 2 events in the trace passes --kind mark"


def test_all_filters_are_named(tmp_path: Path) -> None:
    words = ["--size", "1k:", "--address", "0:8", "--caller", "f", "--seq", ":7"]
    facts, _ = empty("log", core(CLEAN, tmp_path), *words)
    assert sorted(facts[0]["filters"]) == ["--address 0:8", "--caller f", "--seq 0:7", "--size 1024:"]


@pytest.mark.parametrize("command", ["log", "blocks"])
def test_a_task_that_nobody_knows(command: str, tmp_path: Path) -> None:
    facts, (_, line) = empty(command, core(CLEAN, tmp_path), "--task", "nobody")
    assert facts[1] == {"sentence": "no-such-task", "task": "nobody", "known": ["net", "ui"], "more": ""}
    assert line == "no task nobody is known here; known: net, ui"


def test_a_task_that_is_known_and_has_nothing_is_not_called_unknown(tmp_path: Path) -> None:
    facts, _ = empty("blocks", core(CLEAN, tmp_path), "--task", "net", "--state", "free")
    assert [one["sentence"] for one in facts] == ["nothing-passes"]


def test_many_tasks_are_not_all_listed(tmp_path: Path) -> None:
    names = tuple(f"t{number:02}" for number in range(20))
    facts, (_, line) = empty("log", core(CLEAN, tmp_path, names), "--task", "nobody")
    assert facts[1]["known"] == list(names[:16]) and line.endswith("t15 ... 4 more")


def test_no_task_and_no_event_at_all(tmp_path: Path) -> None:
    images = [f"--image={image.base:#x}={image.path}" for image in fixtures.case(CLEAN).images]
    facts, _ = empty("blocks", *images, "--task", "x")
    assert [one["sentence"] for one in facts] == ["nothing-passes", "no-task-named"]
    assert empty("log", *images)[1] == ["nothing is listed: no event was found"]


@pytest.mark.parametrize("words", [["log"], ["blocks"], ["blocks", "--limit", "1"]])
def test_a_list_with_entries_has_no_such_line(words: list[str], tmp_path: Path) -> None:
    assert memtrace(*words, core(CLEAN, tmp_path), "--json").json()["empty"] == []


def test_no_leak_is_said(tmp_path: Path) -> None:
    said = memtrace("leaks", core(CLEAN, tmp_path, freed=True))
    assert said.out.splitlines()[0] == "no leak: the trace has no live block"


@pytest.mark.parametrize("words", [["blocks"], ["free"], ["leaks"], ["leaks", "--unreachable"]], ids=" ".join)
@pytest.mark.parametrize("name", [CLEAN, DAMAGED])
def test_a_damaged_heap_is_told(name: str, words: list[str], tmp_path: Path) -> None:
    file = core(name, tmp_path)
    checked = memtrace("check", file, "--json").json()["heaps"]
    damaged = [heap["address"] for heap in checked if heap["status"] == "damaged"]
    assert bool(damaged) == (name == DAMAGED)
    assert memtrace(*words, file, "--json").json()["damaged"] == damaged
    lines = [line for line in memtrace(*words, file).out.splitlines() if line.startswith("damaged:")]
    told = [f"damaged: heap {one:#x}: what stands here of it may be wrong; see heap-check" for one in damaged]
    assert lines == told
