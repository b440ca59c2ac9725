# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C at each read of each command: what is said then is true, and nothing is concluded from what was not read."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

import pytest

from gdbext.commands import command_named
from gdbext.commands.check import exit_status
from gdbext.model.reports.blocks import BlocksReport
from gdbext.model.reports.check import CheckReport
from gdbext.model.reports.free import FreeReport
from gdbext.model.reports.last import LastReport
from gdbext.model.reports.leaks import LeaksReport
from gdbext.model.reports.log import LogReport
from gdbext.model.reports.refs import RefsReport
from gdbext.report.destination import told
from gdbext.report.sentences import words
from tests.unit.slow_world import BLOCK, CASE, GLOBALS, RING, STACK, USED, Live, ask

LINES = ["check", f"last {BLOCK}", "blocks --all", "free", "leaks --all", "leaks --unreachable", f"refs {BLOCK}"]
LINES += ["log --all", "status"]
SPAN = f"--search {CASE.images[0].base:#x},{CASE.images[0].base + CASE.images[0].length:#x}"
SEARCHED = [f"check {SPAN}", f"leaks --unreachable {SPAN}", f"refs {BLOCK} {SPAN}", f"status {SPAN}"]
SEARCHED.append(f"log --search {RING:#x},{RING + 0x10000:#x}")


def problems(line: str, report: Any, whole: Any) -> list[str]:
    """What a report says that is not so."""
    wrong = []
    if isinstance(report, CheckReport):
        wrong += [heap.status for heap in report.heaps if heap.status not in ("unreadable", "clean") or heap.findings]
        wrong += [] if exit_status(report) == 2 else ["status"]
    if isinstance(report, LastReport) and report.block is not None and report.block != whole.block:
        wrong.append(f"{report.block}")
    if isinstance(report, BlocksReport):
        told = {(block.payload, block.size, block.state) for block in whole.blocks}
        wrong += [f"{one}" for one in report.blocks if (one.payload, one.size, one.state) not in told]
    if isinstance(report, FreeReport) and report.heaps not in ((), whole.heaps):
        wrong.append(f"{report.heaps}")
    if isinstance(report, LeaksReport) and (report.blocks or report.total is not None or report.complete):
        wrong.append(f"{report.total}")
    if isinstance(report, RefsReport) and (report.complete or not set(report.references) <= set(whole.references)):
        wrong.append(f"{report.references}")
    if isinstance(report, LogReport) and report.events != whole.events:
        wrong.append(f"{len(report.events)} events")
    return wrong


@pytest.mark.parametrize("plan", ["bulk", "headers"])
@pytest.mark.parametrize("line", [*LINES, *SEARCHED])
def test_ctrl_c_at_any_read_concludes_nothing(line: str, plan: str) -> None:
    host = Live(plan=plan)
    whole = ask(host, line)
    assert not whole.cost.interrupted
    reads = host.source.reads
    told = 0
    for at in range(1, reads + 1, max(1, reads // 8)):
        cut = Live(at, plan)
        try:
            report = ask(cut, line)
        except KeyboardInterrupt:
            pass
        else:
            told += 1
            assert report.cost.interrupted
            assert problems(line, report, whole) == [], at
            why = " ".join(words(item.why) for item in report.skipped)
            assert "interrupted" in why and "could not be read" not in why
            assert command_named(line.split()[0]).status(report) == 2, "in the shell it is not done"
        again = ask(cut, line)
        assert strip(again) == strip(whole), "the same command again reads on"
    assert told or line.startswith("log") or line in SEARCHED


@pytest.mark.parametrize("line", ["start", "stop", "frees-only", "mark here"])
def test_ctrl_c_before_the_recorder_is_asked_asks_nothing_and_blames_nothing(line: str) -> None:
    for at in range(1, 3):
        with pytest.raises(KeyboardInterrupt):
            ask(Live(at), line)


def strip(report: Any) -> dict[str, Any]:
    return {name: value for name, value in vars(report).items() if name != "cost"}


def text(host: Live, line: str) -> list[str]:
    command = command_named(line.split()[0])
    options = Namespace(json=False, output=None, format=None)
    return (told(ask(host, line), command.text, options) or "").splitlines()


def test_the_first_line_says_that_it_was_interrupted() -> None:
    host = Live()
    ask(host, "leaks --unreachable")
    cut = Live(host.source.reads)
    lines = text(cut, "leaks --unreachable")
    assert lines[0].startswith("interrupted: ") and lines[0].endswith("the same command again reads on")
    assert "unreachable" not in " ".join(lines[:3]) and "of 1" not in lines[0]
    assert text(cut, "leaks --unreachable")[0] == "no leak: no used block is unreachable"


HOLE = range(GLOBALS + 0x100, GLOBALS + 0x200)


def test_a_hole_in_what_is_scanned_makes_no_block_unreachable() -> None:
    """What the hole holds would reach 64 blocks: they are not called unreachable, and the hole is named."""
    report = ask(Live(holes=(HOLE,)), "leaks --unreachable --all")
    assert (report.kind, report.complete, report.total) == ("not reached", False, 64)
    assert [(one.kind, one.name, one.amount) for one in report.unscanned] == [("global", "globals", 256)]
    assert any("256 bytes of globals" in words(item.why) for item in report.skipped)
    first = text(Live(holes=(HOLE,)), "leaks --unreachable")[0]
    assert ": not reached from the " in first and " KiB that were scanned (not scanned: globals)" in first
    payload = USED[64].payload
    refs = ask(Live(holes=(HOLE,)), f"refs {payload}")
    assert not refs.complete and refs.references == ()
    assert "  nothing in the " in text(Live(holes=(HOLE,)), f"refs {payload}")[1]


@pytest.mark.parametrize(
    ("host", "missing"),
    [
        ({"registers": False}, "registers"),
        ({"holes": (range(STACK, STACK + 256),)}, "stack of thread 1"),
        ({"holes": (range(USED[9].payload, USED[9].payload + 4),)}, "used blocks"),
    ],
)
def test_what_was_not_scanned_is_named(host: dict[str, Any], missing: str) -> None:
    report = ask(Live(**host), "leaks --unreachable")
    assert report.kind == "not reached" and missing in [one.name for one in report.unscanned]
    assert f"not scanned: {missing}" in text(Live(**host), "leaks --unreachable")[0]


def test_a_whole_scan_says_unreachable() -> None:
    report = ask(Live(), "leaks --unreachable")
    assert (report.kind, report.complete, report.unscanned, report.total) == ("unreachable", True, (), 0)
