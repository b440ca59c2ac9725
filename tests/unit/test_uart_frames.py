# SPDX-License-Identifier: Apache-2.0
"""A log over a serial line: text in between stays whole, and what is lost costs a frame, nothing else.

tests/unit/c/uart/uart_log.c sends one, with lines of a console before and in the middle of its frames.
"""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path
from random import Random

import pytest

from gdbext.source.uart_frames import UartFrames
from gdbext.trace.format import Header
from gdbext.trace.log import LogReader
from tests.support.paths import ROOT

HELPERS = ROOT / "c_helpers"
WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wmissing-prototypes", "-Werror")
CHECKED = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
EVENTS, STACKS = 600, 10
LOG_MAGIC = b"\x89MEMTRC\n"
MOST_IN_A_FRAME = 496 // 16 + 1

Event = tuple[int, int, int, int, tuple[int, ...]]


@cache
def program(bits: int) -> Path:
    made = ROOT / "build" / "sinks" / f"uart_log_{bits}"
    made.parent.mkdir(parents=True, exist_ok=True)
    sources = [
        ROOT / "tests/unit/c/uart/uart_log.c",
        *(HELPERS / name for name in ("sinks/uart_frames.c", "sinks/checksum.c", "log/memtrace_log.c")),
    ]
    places = [f"-I{HELPERS / name}" for name in ("include", "sinks", "log")]
    flags = [f"-m{bits}", "-std=gnu11", "-O1", "-g", *WARNINGS, *CHECKED, *places]
    done = subprocess.run(["gcc", *flags, *map(str, sources), "-o", str(made)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return made


@cache
def line(bits: int = 32, events: int = EVENTS, reset: int = 0, later: int = 0) -> bytes:
    command = [str(program(bits)), str(events), str(reset), str(later)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout


class Heard:
    """What a reader makes of a line that comes in pieces of some bytes."""

    def __init__(self, data: bytes, step: int = 1 << 20) -> None:
        self.frames = UartFrames()
        arrived = [self.frames.feed(data[at : at + step]) for at in range(0, len(data), step)]
        self.text = b"".join(one.text for one in arrived)
        self.log = b"".join(one.log for one in arrived)
        self.reader = LogReader()
        self.runs: list[list[Event]] = []
        for item in [*self.reader.feed(self.log), *(self.reader.finish() if self.log else ())]:
            if isinstance(item, Header):
                self.runs.append([])
            else:
                assert item.seq is not None and item.time is not None
                stack = self.reader.stacks.get(item.stack, ())
                self.runs[-1].append((item.seq, item.time, item.address, item.size, stack))


def sent(k: int) -> Event:
    return 3 * k, k * k, 16 * k, k + 1, (4096 * (1 + k % STACKS),)


def without_stack(events: list[Event]) -> list[tuple[int, ...]]:
    return [event[:4] for event in events]


WHOLE = [sent(k) for k in range(EVENTS)]


@pytest.mark.parametrize("step", [1, 7, 1 << 20])
@pytest.mark.parametrize("bits", [32, 64])
def test_text_and_log_are_told_apart(bits: int, step: int) -> None:
    heard = Heard(line(bits), step)
    assert heard.runs == [WHOLE]
    lines = heard.text.decode().splitlines()
    assert lines == [f"text {number}" for number in range(len(lines))]
    assert len(lines) > EVENTS // 50
    assert (heard.frames.broken, heard.frames.lost, heard.reader.unread) == (0, 0, 0)
    assert heard.reader.lost == 2 * EVENTS - 2


def test_a_driver_may_change_the_ends_of_lines() -> None:
    assert Heard(line().replace(b"\n", b"\r\n")).runs == [WHOLE]


@pytest.mark.parametrize("bits", [32, 64])
def test_a_byte_that_is_lost_costs_one_frame(bits: int) -> None:
    """Bytes of a stretch with several frames, once dropped and once changed."""
    data, count = line(bits, 160), 160
    marks = [found.start() for found in re.finditer(b"\x1e\x1e", data)]
    text, whole = Heard(data).text, set(without_stack(WHOLE[:count]))
    for at in (*range(marks[1], marks[1] + 20), *range(marks[3] - 8, marks[5], 11)):
        for put in (b"", bytes([data[at] ^ 0x41])):
            heard = Heard(data[:at] + put + data[at + 1 :])
            (events,) = heard.runs
            missing = whole - set(without_stack(events))
            assert set(without_stack(events)) <= whole, at
            assert len(missing) <= MOST_IN_A_FRAME
            assert all(event in WHOLE for event in events if event[-1])
            if data[at] >= 0x80:
                assert heard.text == text and heard.frames.broken == 1 and heard.frames.lost > 0 and missing


def test_what_is_known_again_behind_the_next_header() -> None:
    """A monitor that is attached late, and one that has missed a definition, know all from the next part on."""
    data = line()
    headers = [
        found.start() for found in re.finditer(b"\x1e\x1e", data) if LOG_MAGIC in Heard(data[found.start() :][:700]).log
    ]
    assert len(headers) >= 3
    for at in range(headers[0] + 5, headers[1], 97):
        late = Heard(data[at:])
        assert late.runs == [Heard(data[headers[1] :]).runs[0]] and late.runs[0] == WHOLE[-len(late.runs[0]) :]
        assert late.text.isascii()
    holed = Heard(data[: headers[0]] + data[headers[0] + 900 :])
    assert holed.runs == [Heard(data[headers[1] :]).runs[0]]
    (events,) = Heard(data[: headers[1] + 900] + data[headers[1] + 2500 :]).runs
    known = Heard(data[headers[2] :]).runs[0]
    assert events[-len(known) :] == known
    assert all(event in WHOLE for event in events if event[-1])
    assert set(without_stack(events)) < set(without_stack(WHOLE))


def test_a_reset_in_the_middle_of_a_write_loses_nothing() -> None:
    pieces = len(line(32, 160)) // 64
    for reset in range(1, pieces, 3):
        heard = Heard(line(32, 160, reset))
        *begun, run = heard.runs  # a run that begins again in its first write is two
        assert run == WHOLE[:160] and heard.frames.broken == 1, reset
        assert len(begun) < 2 and all(events == WHOLE[: len(events)] for events in begun)


def test_a_program_that_starts_again_begins_a_run() -> None:
    data = line(32, 160)
    middle = len(data) // 2
    first, second = Heard(data[:middle] + data).runs
    assert first == WHOLE[: len(first)] and second == WHOLE[:160]
    # Its beginning was lost: what comes then has numbers of stacks that nothing is known of.
    again = line(later=1)
    first_again, late = Heard(data[:middle] + again[700:]).runs
    assert first_again == first
    assert late == Heard(again[700:]).runs[0]


@pytest.mark.parametrize("seed", range(40))
def test_noise_invents_nothing(seed: int) -> None:
    random = Random(seed)
    data = bytearray(line(32, 160))
    for _ in range(random.choice((1, 4, 40))):
        at, size = random.randrange(len(data)), random.choice((0, 1, 3, 50, 700))
        data[at : at + size] = random.randbytes(random.choice((0, 1, 5, 60))) or data[: random.randrange(900)]
    heard = Heard(bytes(data), random.choice((1, 64, 100_000)))
    for events in heard.runs:
        assert set(without_stack(events)) <= set(without_stack(WHOLE))
        assert all(event in WHOLE for event in events if event[-1])
