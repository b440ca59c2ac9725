# SPDX-License-Identifier: Apache-2.0
"""A firmware logs into the emulator's flash and over its serial line; it asserts, or is killed at any write.

The variants `log-flash` and `log-uart` (tests/target/sinks) drain in a timer's interrupt.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from gdbext.source.flash_ring import FlashRing
from gdbext.source.uart_frames import UartFrames
from gdbext.trace.format import KINDS, Header
from gdbext.trace.log import LogReader
from gdbext.trace.log_event import ASSERT, LogEvent
from tests.cli.shell import shell
from tests.support import firmware
from tests.support.gdb import AT_ONCE, SOURCE, Capture, remote, run_gdb
from tests.support.paths import ROOT
from tests.support.qemu import Qemu
from tests.support.rsp_traffic import wait_until

FLASH_BYTES = 32 << 20
JUMP = bytes.fromhex("b702008067800200")  # the emulator starts in its flash: lui t0, 0x80000; jr t0
DRAINED = 1500  # events, after which the firmware polls no more
STEADY = "shift=3,sleep=off"  # time by instructions: however busy the machine is, the timer comes as often
BLOCK = "0x801017f4"  # freed twice
RING, SECTOR, SECTORS = 256 << 10, 256 << 10, 4


@dataclass
class Run:
    """One run of a log. Each event of an allocation and free has a stack that was defined before it."""

    events: list[LogEvent] = field(default_factory=list)
    lost: int = 0
    failure: tuple[str, str] | None = None
    without_stack: int = 0


def runs_of(log: bytes) -> list[Run]:
    """The runs of a log, all of which makes sense."""
    reader, runs = LogReader(), list[Run]()
    for items in (reader.feed(log), reader.finish()):
        for item in items:
            if isinstance(item, Header):
                runs.append(Run())
            else:
                runs[-1].events.append(item)
                runs[-1].without_stack += item.kind in (1, 2, 3) and item.stack not in reader.stacks
                runs[-1].lost = reader.lost - sum(run.lost for run in runs[:-1])
    runs[-1].failure = reader.failure
    assert reader.unread == 0
    return runs


def numbers(run: Run) -> list[int]:
    return [event.seq for event in run.events if event.seq is not None]


def check(run: Run) -> None:
    """What holds of any log, whatever was lost."""
    assert numbers(run) == sorted(set(numbers(run)))
    times = [event.time for event in run.events if event.time is not None]
    assert times == sorted(times)
    assert run.without_stack == 0


def flash_image(folder: Path) -> Path:
    image = folder / "flash.bin"
    with image.open("wb") as file:
        file.write(JUMP)
        file.truncate(FLASH_BYTES)
    return image


def machine(image: Path, scenario: str, *, paused: bool = False) -> Qemu:
    drive = ["-drive", f"if=pflash,unit=0,format=raw,file={image}"]
    return Qemu(firmware.build("log-flash"), append=f"scenario={scenario}", paused=paused, icount=STEADY, extra=drive)


def asserted(image: Path) -> None:
    with machine(image, f"double-free polled={DRAINED}") as chip:
        assert chip.wait(120) == 3, chip.console


def test_the_assertion_is_in_flash_with_all_before_it(tmp_path: Path) -> None:
    image = flash_image(tmp_path)
    for count in (1, 2):
        asserted(image)
        ring = FlashRing(image.read_bytes())
        runs = runs_of(b"".join(ring.chunks()))
        assert len(runs) == count and ring.torn == 0
    for run in runs:
        check(run)
        assert run.events[-1].kind == ASSERT and run.lost == 0 and len(run.events) > DRAINED + 200
    assert run.failure is not None and "block already marked as free" in run.failure[1]


def test_the_flash_says_what_gdb_says(tmp_path: Path) -> None:
    """The same events, and the same lines for the owners of the block that was freed twice."""
    image, elf = flash_image(tmp_path), firmware.build("log-flash")
    asked = [Capture("malloc-log --all --json"), Capture(f"last-malloc {BLOCK} --json")]
    with machine(image, f"double-free polled={DRAINED}", paused=True) as chip:
        done = run_gdb([AT_ONCE, SOURCE, remote(chip.remote), "continue", *asked], elf=elf, timeout=600)
    (run,) = runs_of(b"".join(FlashRing(image.read_bytes()).chunks()))
    logged = {event.seq: (KINDS[event.kind], event.address, event.time) for event in run.events}
    shown = done.json(0)["events"]
    assert len(shown) > 1000
    assert [logged[one["seq"]] for one in shown] == [(one["kind"], one["payload"], one["time"]) for one in shown]
    in_gdb, on_desk = done.json(1)["generations"], shell("last", BLOCK, image, "--elf", elf)["generations"]
    assert len(in_gdb) >= 2
    for mine, theirs in zip(on_desk, in_gdb, strict=False):
        for stack in ("allocated", "freed"):
            assert lines(mine[stack]) == lines(theirs[stack])


def lines(stack: list[dict[str, Any]] | None) -> list[tuple[str, int]]:
    return [(frame["function"], frame["line"]) for frame in stack or ()]


def read(image: Path, place: int, size: int) -> bytes:
    """Some of the file, while the emulator writes it."""
    with image.open("rb") as file:
        return os.pread(file.fileno(), size, place)


def newest_sequence(image: Path) -> int:
    heads = [read(image, RING + number * SECTOR, 32) for number in range(SECTORS)]
    return max(int.from_bytes(head[8:12], "little") for head in heads if head.startswith(b"\x89MTFLSH\n"))


def test_killed_at_any_write_it_keeps_what_was_written(tmp_path: Path) -> None:
    image = flash_image(tmp_path)
    asserted(image)
    random = Random(4)
    for sequence in (3, 8):
        with machine(image, "endless") as chip:
            wait_until(lambda sequence=sequence: newest_sequence(image) >= sequence)
            place = RING + (sequence - 1) % SECTORS * SECTOR + random.randrange(100_000)
            wait_until(lambda place=place: read(image, place, 64) != b"\xff" * 64)
            chip.kill()
        ring = FlashRing(image.read_bytes())
        runs = runs_of(b"".join(ring.chunks()))
        for run in runs:
            check(run)
        assert ring.torn <= 2  # this time, and the time before
        assert len(runs[-1].events) > 10_000
    asserted(image)
    runs = runs_of(b"".join(FlashRing(image.read_bytes()).chunks()))
    assert runs[-1].events[-1].kind == ASSERT and runs[-1].lost == 0
    assert len(runs[-2].events) > 10_000, "the run that was killed is still there"


def test_console_and_log_share_a_line_over_an_assertion_and_a_reset() -> None:
    with Qemu(
        firmware.build("log-uart"), append=f"scenario=double-free polled={DRAINED}", paused=False, icount=STEADY
    ) as chip:
        assert chip.wait(120) == 0
        line = chip.raw_console
    arrived = UartFrames().feed(line)
    boot = "double-free: boot\ndouble-free: start\n"
    assert arrived.text.decode() == f"{boot}abort\n{boot}double-free: done\n"
    died, started = runs_of(arrived.log)
    for run in (died, started):
        check(run)
        assert run.lost == 0
    assert died.events[-1].kind == ASSERT and len(died.events) > DRAINED + 200
    assert len(started.events) > 100  # up to its last poll


def test_a_monitor_that_comes_late_keeps_a_log(tmp_path: Path) -> None:
    log = tmp_path / "board.log"
    with Qemu(firmware.build("log-uart"), append="scenario=endless", paused=False, pty=True) as chip:
        command = [sys.executable, "-m", "gdbext", "monitor", chip.terminal, "--log", str(log)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            try:
                wait_until(lambda: log.exists() and log.stat().st_size > 60_000)
                chip.kill()
                _, told = process.communicate(timeout=60)
            finally:
                process.kill()
    assert " frames of a log came; " in told and f"they are in {log}" in told
    (run,) = runs_of(log.read_bytes())
    check(run)
    assert len(run.events) > 1000
