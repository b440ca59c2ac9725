# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C at each read of each command: what is said then is true, and nothing is concluded from what was not read."""

from __future__ import annotations

from argparse import Namespace
from functools import lru_cache
from typing import Any

import pytest

from gdbext.commands.cli import ImageHost, _status
from gdbext.commands.host import Thread, World
from gdbext.commands.table import COMMANDS, parser_of, render
from gdbext.model import BlocksReport, CheckReport, FreeReport, LastReport, LeaksReport, LogReport, RefsReport
from gdbext.source.images import ImageSource
from gdbext.source.memory import Memory
from gdbext.source.snapshot import ByteOrder
from tests.support import fixtures
from tests.support.ring import Ring

CASE = fixtures.case("a016")  # 300 KiB, 2,043 used blocks
GLOBALS, STACK, RING = 0x1000_0000, 0x1100_0000, 0x2000_0000
USED = CASE.truth.blocks
BLOCK = USED[1000].payload


class Slow:
    """A live target that gives at most 16 KiB a request, and Ctrl-C at one of them."""

    pointer_size = 4
    byte_order: ByteOrder = "little"

    def __init__(self, images: list[tuple[int, bytes]], at: int, holes: tuple[range, ...] = ()) -> None:
        self._source, self._at, self._holes, self.reads = ImageSource(images), at, holes, 0

    def read(self, address: int, length: int) -> bytes | None:
        self.reads += 1
        if self.reads == self._at:
            raise KeyboardInterrupt
        if any(address < hole.stop and hole.start < address + length for hole in self._holes):
            return None
        return self._source.read(address, length)


class Target(ImageHost):
    """Every block is held by a global; the ring knows them all."""

    def __init__(self, at: int = 0, plan: str = "auto", holes: tuple[range, ...] = (), registers: bool = True) -> None:
        super().__init__([(0, bytes(4))])
        self._registers = registers
        self.source = Slow(images(), at, holes)
        self._memory = Memory(self.source, plan=plan)

    def roots(self) -> World:
        threads = [Thread("thread 1", STACK, (("pc", 0),))] if self._registers else []
        return World([("globals", GLOBALS, GLOBALS + 0x10000)], threads, [])

    def find_ring(self) -> int | None:
        return RING


@lru_cache
def images() -> list[tuple[int, bytes]]:
    pointers = b"".join(block.payload.to_bytes(4, "little") for block in USED)
    ring = Ring(RING, capacity=4096)
    for block in USED[:500]:
        ring.event("alloc", block.payload, block.requested)
    heap = [(image.base, image.data) for image in CASE.images]
    globals_ = (GLOBALS, pointers.ljust(0x10000, b"\0"))
    return [*heap, globals_, (STACK, bytes(256)), (RING, ring.data())]


def ask(host: Target, line: str) -> Any:
    name, *words = line.split()
    command = next(command for command in COMMANDS if command.name == name)
    heap = [] if name == "log" else ["--heap", CASE.heap.option]
    report = command.run(host, parser_of(command, name).parse_args([*words, *heap]))
    render(command, report, Namespace(json=False))
    return report


LINES = ["check", f"last {BLOCK}", "blocks --all", "free", "leaks --all", "leaks --unreachable", f"refs {BLOCK}"]
LINES += ["log --all", "status"]


def problems(line: str, report: Any, whole: Any) -> list[str]:
    """What a report says that is not so."""
    wrong = []
    if isinstance(report, CheckReport):
        wrong += [heap.status for heap in report.heaps if heap.status not in ("unreadable", "clean") or heap.findings]
        wrong += [] if _status(report) == 2 else ["status"]
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
@pytest.mark.parametrize("line", LINES)
def test_ctrl_c_at_any_read_concludes_nothing(line: str, plan: str) -> None:
    host = Target(plan=plan)
    whole = ask(host, line)
    assert not whole.cost.interrupted
    reads = host.source.reads
    told = 0
    for at in range(1, reads + 1, max(1, reads // 8)):
        cut = Target(at, plan)
        try:
            report = ask(cut, line)
        except KeyboardInterrupt:
            pass
        else:
            told += 1
            assert report.cost.interrupted
            assert problems(line, report, whole) == [], at
            assert "interrupted" in " ".join(item.why for item in report.skipped)
        again = ask(cut, line)
        assert strip(again) == strip(whole), "the same command again reads on"
    assert told or line.startswith("log")


def strip(report: Any) -> dict[str, Any]:
    return {name: value for name, value in vars(report).items() if name != "cost"}


def text(host: Target, line: str) -> list[str]:
    name = line.split()[0]
    command = next(command for command in COMMANDS if command.name == name)
    return render(command, ask(host, line), Namespace(json=False)).splitlines()


def test_the_first_line_says_that_it_was_interrupted() -> None:
    host = Target()
    ask(host, "leaks --unreachable")
    cut = Target(host.source.reads)
    lines = text(cut, "leaks --unreachable")
    assert lines[0].startswith("interrupted: ") and lines[0].endswith("the same command again reads on")
    assert "unreachable" not in " ".join(lines[:3]) and "of 1" not in lines[0]
    assert text(cut, "leaks --unreachable")[0] == "0 blocks, 0 bytes: unreachable"


HOLE = range(GLOBALS + 0x100, GLOBALS + 0x200)


def test_a_hole_in_what_is_scanned_makes_no_block_unreachable() -> None:
    """What the hole holds would reach 64 blocks: they are not called unreachable, and the hole is named."""
    report = ask(Target(holes=(HOLE,)), "leaks --unreachable --all")
    assert (report.kind, report.complete, report.total) == ("not reached", False, 64)
    assert [(one.kind, one.name, one.amount) for one in report.unscanned] == [("global", "globals", 256)]
    assert any("256 bytes of globals" in item.why for item in report.skipped)
    first = text(Target(holes=(HOLE,)), "leaks --unreachable")[0]
    assert ": not reached from the " in first and " KiB that were scanned (not scanned: globals)" in first
    payload = USED[64].payload
    refs = ask(Target(holes=(HOLE,)), f"refs {payload}")
    assert not refs.complete and refs.references == ()
    assert "  nothing in the " in text(Target(holes=(HOLE,)), f"refs {payload}")[1]


@pytest.mark.parametrize(
    ("host", "missing"),
    [
        ({"registers": False}, "registers"),
        ({"holes": (range(STACK, STACK + 256),)}, "stack of thread 1"),
        ({"holes": (range(USED[9].payload, USED[9].payload + 4),)}, "used blocks"),
    ],
)
def test_what_was_not_scanned_is_named(host: dict[str, Any], missing: str) -> None:
    report = ask(Target(**host), "leaks --unreachable")
    assert report.kind == "not reached" and missing in [one.name for one in report.unscanned]
    assert f"not scanned: {missing}" in text(Target(**host), "leaks --unreachable")[0]


def test_a_whole_scan_says_unreachable() -> None:
    report = ask(Target(), "leaks --unreachable")
    assert (report.kind, report.complete, report.unscanned, report.total) == ("unreachable", True, (), 0)
