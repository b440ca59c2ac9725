# SPDX-License-Identifier: Apache-2.0
"""The inside of a free block is read neither to scan for pointers nor to save; a saved core is judged without it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gdbext.commands import command_named
from gdbext.commands.parsing import parsed_in_gdb
from gdbext.report.destination import told
from gdbext.source.memory import Memory
from gdbext.source.snapshot import ByteOrder, snapshot_of
from gdbext.target.files import file_target
from gdbext.target.target import Debugger, Target
from tests.support.tlsf_image import Shape, heap_image, payloads
from tests.unit.slow_world import GLOBALS, Link, Program

BASE = 0x8010_0000
BLOCKS = [(200, True), (48, False), (3000, True), (5_000_000, False), (64, True), (9000, False), (400, True)]
HEAP = f"multi_heap@{BASE:#x}"


class Counted:
    """A live target that counts the bytes it is asked for."""

    pointer_size = 4
    byte_order: ByteOrder = "little"

    def __init__(self, data: bytes) -> None:
        self._source, self.bytes = snapshot_of([(BASE, data), (GLOBALS, bytes(0x10000))]), 0

    def read(self, address: int, length: int) -> bytes | None:
        self.bytes += length
        return self._source.get(address, length)


def live(damaged: bool) -> tuple[Counted, Target]:
    data = bytearray(heap_image(BASE, BLOCKS))
    if damaged:
        header = payloads(BASE, BLOCKS, Shape())[5] - 4 - BASE
        data[header : header + 4] = bytes(4)
    source = Counted(bytes(data))
    return source, Target(Link(Memory(source)), Program(), Debugger((243, [])))


def ask(target: Target, line: str) -> Any:
    command = command_named(line.split()[0])
    options = parsed_in_gdb(command, line.split()[1:])
    report = command.run(target, options)
    told(report, command.text, options)
    return report


def judged(report: Any) -> Any:
    (heap,) = report.heaps
    return heap.status, heap.missing, heap.end_known, heap.findings, heap.blocks, heap.gaps


def test_a_scan_for_pointers_leaves_free_blocks_out() -> None:
    source, target = live(damaged=False)
    report = ask(target, f"leaks --unreachable --heap {HEAP}")
    assert report.total == 4
    assert source.bytes < 200_000


@pytest.mark.parametrize("damaged", [False, True])
def test_a_saved_core_says_what_the_target_said(damaged: bool, tmp_path: Path) -> None:
    source, target = live(damaged)
    before = ask(target, f"check --blocks --heap {HEAP}")
    leaks = ask(target, f"leaks --unreachable --heap {HEAP}")
    ask(target, f"save {tmp_path / 'core'} --heap {HEAP}")
    assert source.bytes < 400_000
    assert (tmp_path / "core").stat().st_size < 300_000
    saved = file_target(str(tmp_path / "core"), [], None, [])
    for heap in (f" --heap {HEAP}", ""):
        after = ask(saved, f"check --blocks{heap}")
        assert judged(after) == judged(before)
        assert not [item for item in after.skipped if item.check == "memory"]
        lost = ask(saved, f"leaks --unreachable{heap}")
        assert (lost.total, lost.bytes) == (leaks.total, leaks.bytes)


def test_bytes_that_a_core_lacks_for_another_reason_are_missing(tmp_path: Path) -> None:
    _, target = live(damaged=False)
    ask(target, f"save {tmp_path / 'core'} --heap {HEAP}")
    data = (tmp_path / "core").read_bytes()
    (tmp_path / "cut").write_bytes(data.replace(b'"left_out"', b'"left-out"'))
    report = ask(file_target(str(tmp_path / "cut"), [], None, []), "check")
    assert report.heaps[0].missing > 4_900_000
