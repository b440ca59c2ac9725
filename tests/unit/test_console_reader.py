# SPDX-License-Identifier: Apache-2.0
"""The reader of consoles: each log of the shared set comes out as its manifest says."""

from __future__ import annotations

from typing import Any

import pytest

from gdbext.console.reader import crashes_in, crashes_of
from gdbext.model.console import Crash, Line
from tests.support.console import log_bytes, manifest

PIECE = 3000


def crashes(data: bytes, piece: int = PIECE) -> list[Crash]:
    return list(crashes_in(data[at : at + piece] for at in range(0, len(data), piece)))


def dumped(found: list[Crash]) -> list[Crash]:
    return [crash for crash in found if crash.registers or crash.backtrace]


def digits(values: Any) -> list[str]:
    return [f"0x{value:08x}" for value in values]


@pytest.mark.parametrize("name", sorted(manifest()))
def test_crashes_are_as_the_manifest_says(name: str) -> None:
    told = manifest()[name]["crashes"]
    found = dumped(crashes(log_bytes(name)))
    assert len(found) >= len(told)
    for crash, truth in zip(found, told, strict=False):
        ours: dict[str, Any] = {register: f"0x{value:08x}" for register, value in crash.registers}
        ours["pc"] = None if crash.pc is None else f"0x{crash.pc:08x}"
        named = ("pc", "ra", "sp", "mcause", "mtval", "exccause", "excvaddr")
        wanted = {key: truth[key] for key in named if key in truth}
        assert {key: ours.get(key) for key in wanted} == wanted
        texts = [line.text.strip() for line in crash.lines]
        assert [said for said in truth["said"] if said not in texts] == []
        if truth.get("backtrace_from") == "Backtrace line":
            assert digits(crash.backtrace) == truth["backtrace"]
            assert crash.is_corrupted or not truth.get("marked_corrupted")


def test_a_log_without_a_crash_has_none() -> None:
    quiet = [name for name, log in manifest().items() if log["acceptable"] == ["none"]]
    assert [name for name in quiet if crashes(log_bytes(name))] == []


@pytest.mark.parametrize("piece", [1, 7, 100_000])
@pytest.mark.parametrize("name", ["c005", "c020", "c033", "c042", "c057", "c073"])
def test_pieces_of_any_size_give_the_same(name: str, piece: int) -> None:
    data = log_bytes(name)
    assert crashes(data, piece) == crashes(data)


def test_lines_alone_give_the_same_as_the_bytes() -> None:
    text = "boot\nabort() was called at PC 0x42006f11 on core 0\nMEPC    : 0x40384d92  RA      : 0x40384d50  \n"
    lines = [Line(number, line) for number, line in enumerate(text.splitlines(), 1)]
    assert list(crashes_of(lines)) == crashes(text.encode())
    (crash,) = crashes_of(lines)
    assert (crash.line, crash.pc, crash.core, crash.architecture) == (2, 0x40384D92, 0, "riscv")


def test_a_long_quiet_stretch_is_counted_and_its_end_kept() -> None:
    quiet = b"".join(b"I (%d) net: %d packets\r\n" % (number, number) for number in range(50_000))
    (crash,) = crashes(quiet + b"CORRUPT HEAP: Bad head at 0x3fc92028. Expected 0xabba1234 got 0x0000000f\r\n", 1 << 18)
    assert crash.line == 50_001
    assert crash.before[-1] == Line(50_000, "I (49999) net: 49999 packets")


def test_carriage_returns_alone_end_lines_where_there_is_nothing_else() -> None:
    text = b"boot\r" * 2000 + b"CORRUPT HEAP: Bad head at 0x3fc92028. Expected 0xabba1234 got 0x0000000f\rmore\r"
    (crash,) = crashes(text, 1 << 16)
    assert (crash.line, crash.lines[0].text[:12]) == (2001, "CORRUPT HEAP")


def test_a_line_of_any_length_is_bounded() -> None:
    (crash,) = crashes(b"abort() was called at PC 0x42006f11 on core 0" + b"x" * 3_000_000, 1 << 18)
    assert sum(len(line.text) for line in crash.lines) < 1 << 18


def test_words_that_only_small_pieces_are_searched_for_are_found_above_the_others() -> None:
    quiet = b"I (1) net: a packet\n" * 300_000
    dump = b"Guru Meditation Error: Core  0 panic'ed (Load access fault). \n\nCore  0 register dump:\n"
    (crash,) = crashes(quiet + dump + b"MEPC    : 0x40384d92  RA      : 0x40384d50  \n" + quiet, 1 << 18)
    assert (crash.line, crash.pc) == (300_001, 0x40384D92)


def test_zephyr_s_call_trace_is_a_backtrace_and_its_end_no_cut() -> None:
    lines = [
        "*** Booting Zephyr OS build v3.7.0 ***",
        "E:  mcause: 5, Load access fault",
        "E:      a0: 00000010    t0: 00000003",
    ]
    lines += ["E:      ra: 800012f4", "E:    mepc: 80001234", "E: call trace:"]
    lines += ["E:       0: fp: 80005fa0   ra: 800012f4", "E:       1: fp: 80005fc0   ra: 80001444"]
    lines += [">>> ZEPHYR FATAL ERROR 0: CPU exception on CPU 0", "E: Current thread: 0x80003b30 (coap_rx)"]
    (crash,) = crashes("\n".join([*lines, ""]).encode())
    assert (crash.pc, crash.backtrace, crash.task) == (0x80001234, (0x800012F4, 0x80001444), "coap_rx")
    assert crash.calls == (0x800012F3, 0x80001443)
    assert (crash.framework, crash.architecture, crash.is_cut) == ("Zephyr 3.7.0", "riscv", False)


def test_a_watchdog_of_xtensa_prints_capitals_and_no_registers() -> None:
    text = b"E (5) task_wdt: Task watchdog got triggered. The following tasks did not reset the watchdog in time:\n"
    text += b"\nBacktrace: 0x400D5F3B:0x3FFB0E70 0x40082D6D:0x3FFB0E90\n\n"
    (crash,) = crashes(text)
    assert (crash.architecture, crash.backtrace, crash.calls) == (
        "xtensa",
        (0x400D5F3B, 0x40082D6D),
        (0x400D5F3B, 0x40082D6D),
    )
