# SPDX-License-Identifier: Apache-2.0
"""What a log of threads tells of moments: live blocks at a mark, growth between marks, the peak, temporary blocks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.shell import memtrace, shell
from tests.support.process_log import ProcessLog

CACHE, FRAME, SCRATCH, EARLY = 1, 2, 3, 4  # stacks, whose PCs are 0x401000 and so on
THREADS = (16, 17, 18)


def at(stack: int) -> int:
    return 0x400000 + 0x1000 * stack


@pytest.fixture(name="log")
def written(tmp_path: Path) -> Path:
    """Three threads. Marks `start`, `middle`, `end`. The cache grows by one block between marks for each thread, one
    early block stays, a large frame is the peak, and each thread has ten blocks that it frees at once.
    """
    log, time = ProcessLog(), 0
    for stack in (CACHE, FRAME, SCRATCH, EARLY):
        log.define("stack", stack, at(stack))
    for number, name in enumerate(("start", "middle", "end"), 100):
        log.define("name", number, name, 2)
    for thread in THREADS:
        log.thread(thread, f"worker-{thread}")
    log.event(16, 1, "alloc", 0x9000, 700, stack=EARLY)
    for part in range(3):
        for thread in THREADS:
            time += 10
            if part:
                log.event(thread, time, "alloc", 0x10000 * part + 0x100 * thread, 100 * part, stack=CACHE)
            for turn in range(10):
                log.event(thread, time + 1 + turn // 5, "alloc", 0x8000 + 64 * thread, 32, stack=SCRATCH)
                log.event(thread, time + 1 + turn // 5, "free", 0x8000 + 64 * thread)
            log.pack(thread)
        if part == 1:
            log.event(17, time + 4, "alloc", 0x70000, 9000, stack=FRAME)
            log.event(17, time + 5, "free", 0x70000)
            log.event(18, time + 5, "alloc", 0xA000, 11, stack=FRAME)
        time += 10
        log.event(18, time, "mark", 100 + part)
    path = tmp_path / "app.log"
    path.write_bytes(log.finish())
    return path


def live(found: dict[str, object]) -> dict[int, int]:
    """Live bytes by the code that allocated them."""
    sites: list[dict[str, object]] = found["sites"]  # type: ignore[assignment]
    return {one["stacks"][0]["frames"][0]["pc"]: one["live_bytes"] for one in sites if one["live_bytes"]}  # type: ignore[index,misc]


def test_what_is_live_at_a_mark(log: Path) -> None:
    assert live(shell("report", "--at", "start", log)) == {at(EARLY): 700}
    assert live(shell("report", "--at", "middle", log)) == {at(EARLY): 700, at(CACHE): 300, at(FRAME): 11}
    assert live(shell("report", log)) == {at(EARLY): 700, at(CACHE): 900, at(FRAME): 11}


def test_mark_against_mark_is_what_grew_in_between(log: Path) -> None:
    assert live(shell("report", "--since", "start", "--until", "middle", log)) == {at(CACHE): 300, at(FRAME): 11}
    assert live(shell("report", "--since", "middle", "--until", "end", log)) == {at(CACHE): 600}
    grown = shell("diff", "--from", "middle", "--to", "end", log)["sites"]
    assert [(one["frames"][0]["pc"], one["bytes_change"]) for one in grown] == [(at(CACHE), 600)]


def test_the_newest_growth_comes_first(log: Path) -> None:
    told = [line for line in memtrace("report", "--leaks", "--newest", log).out.splitlines() if " bytes " in line]
    places = [line.split("  ")[-2].strip() for line in told if "block" in line and "  (" in line]
    assert places == [f"{at(stack):#x}" for stack in (CACHE, FRAME, EARLY)]
    newest = {one["stacks"][0]["frames"][0]["pc"]: one["newest"] for one in shell("report", log)["sites"]}
    assert newest[at(CACHE)] > newest[at(FRAME)] > newest[at(EARLY)] and newest[at(SCRATCH)] is None


def test_what_the_peak_was_made_of(log: Path) -> None:
    found = shell("report", "--peak", log)
    peak = {one["stacks"][0]["frames"][0]["pc"]: one["at_peak_bytes"] for one in found["sites"]}
    assert peak == {at(EARLY): 700, at(CACHE): 300, at(FRAME): 9000, at(SCRATCH): 0}
    assert found["totals"]["peak_bytes"] == 10_000


def test_temporary_blocks(log: Path) -> None:
    found = shell("report", "--temporary", log)
    assert {one["stacks"][0]["frames"][0]["pc"]: one["temporary"] for one in found["sites"] if one["temporary"]} == {
        at(SCRATCH): 90, at(FRAME): 1,
    }  # fmt: skip


def test_blocks_since_a_mark(log: Path) -> None:
    blocks = shell("leaks", "--since", "middle", "--newest", log)["blocks"]
    assert [(one["size"], one["owner"]["task"]) for one in blocks] == [
        (200, "worker-18"), (200, "worker-17"), (200, "worker-16"),
    ]  # fmt: skip
