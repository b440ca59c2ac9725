# SPDX-License-Identifier: Apache-2.0
"""A log that is carried by a flash image or a serial line is found by what the file holds, and read as any other."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import memtrace, shell
from tests.support import flash, uart
from tests.support.core import core_bytes
from tests.support.log import HEADER, Log

LOG = Log()
for number in range(300):
    LOG.event("alloc", 0x2000_0000 + 32 * number, 24)
BYTES = bytes(LOG.data)
PARTITION = flash.partition(BYTES, HEADER)
FRAMES = uart.framed(BYTES, HEADER)
CAPTURE = b"ets Jun  8 2016 00:22:57\r\nrst:0x1\r\n" + b"I (31) boot: \xc3\xbc\r\n".join(FRAMES) + b"done\n"

CARRIED: dict[str, bytes] = {
    "partition": PARTITION,
    "partition, gzip": gzip.compress(PARTITION, 1, mtime=0),
    "flash": b"\xe9bootloader".ljust(0x9000, b"\xff") + PARTITION + b"\xff" * 5000,
    "line": CAPTURE,
    "line, gzip": gzip.compress(CAPTURE, 1, mtime=0),
    "line, joined late": CAPTURE[900:].join([b"\x80\x99" * 70, b""]) + b"".join(FRAMES),
}


def events(path: Path) -> Any:
    return [(event["kind"], event["payload"], event["size"]) for event in shell("log", "--all", path)["events"]]


@pytest.mark.parametrize("name", CARRIED)
def test_it_is_read_as_any_other(name: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(CARRIED[name])
    (tmp_path / "plain.log").write_bytes(BYTES)
    assert events(path) == events(tmp_path / "plain.log")
    assert len(events(path)) == 300
    assert shell("report", path)["totals"]["live_blocks"] == 300
    assert shell("last", "0x20000040", path)["generations"][0]["size"] == 24


def skipped(path: Path) -> list[str]:
    return [one["why"] for one in shell("log", path)["skipped"]]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda: PARTITION[:2000] + b"\0" + PARTITION[2001:], "the flash has 1 write that"),
        (lambda: CAPTURE[:1500] + CAPTURE[1501:], "the serial line broke 1 frame, and 496 bytes of the log"),
    ],
)
def test_what_is_lost_is_said(spoil: Callable[[], bytes], said: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(spoil())
    assert any(said in why for why in skipped(path)), skipped(path)
    assert 0 < len(events(path)) < 300


def test_a_core_of_a_program_that_logs_is_a_core(tmp_path: Path) -> None:
    path = tmp_path / "core"
    path.write_bytes(core_bytes([(0x2000_0000, PARTITION + CAPTURE)]))
    assert "log" not in memtrace("status", path).out.splitlines()[0]
    assert memtrace("log", path).status == 2


def test_a_carrier_without_a_log_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(flash.sector(0, 8, [(0, 0, BYTES[: HEADER // 2])]))
    said = memtrace("log", path)
    assert said.status == 2 and said.err.count("\n") == 1 and "a bug" not in said.err
