# SPDX-License-Identifier: Apache-2.0
"""A firmware logs into a file of the host, asserts with hundreds of events undrained, resets and starts again.

The variant `log-file` (tests/target/sinks/file.c) reaches the host by semihosting. GDB looks at the assertion;
afterwards the file must say the same: every event, and the same lines for the owners of an address.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gdbext.faces import shell
from gdbext.trace.format import KINDS, Header
from gdbext.trace.log import LogReader
from gdbext.trace.log_event import LogEvent
from tests.support import firmware
from tests.support.gdb import AT_ONCE, SOURCE, Capture, remote, run_gdb
from tests.support.qemu import Qemu

VARIANT = "log-file"
SEMIHOSTING = ("-semihosting-config", "enable=on,target=native")
BLOCK = "0x801017f4"  # what each of the scenarios breaks
DRAINED = 1500  # events, after which the firmware polls no more
STEADY = "shift=3,sleep=off"  # time by instructions: however busy the machine is, the timer comes as often
Json = dict[str, Any]


class Death:
    """What GDB said at the assertion of a scenario, the log as it was then, and the log of this run and the next."""

    def __init__(self, scenario: str, folder: Path) -> None:
        self.log, at_death = folder / scenario, folder / "then"
        elf = firmware.build(VARIANT)
        asked = [Capture("malloc-log --all --json"), Capture(f"last-malloc {BLOCK} --json")]
        copy = f"shell cp {self.log} {at_death} || touch {at_death}"
        to_the_end = ["break scenario_done", "continue", "continue", "continue"]  # by abort, and through the reset
        dump = folder / "dump"
        append = f"scenario={scenario} polled={DRAINED} log={self.log} dump={dump}"
        with Qemu(elf, append=append, icount=STEADY, extra=SEMIHOSTING) as target:
            head = [AT_ONCE, SOURCE, remote(target.remote), "continue"]
            done = run_gdb([*head, *asked, copy, *to_the_end], elf=elf, timeout=600)
        self.events: list[Json] = done.json(0)["events"]
        self.overwritten: int = done.json(0)["trace"]["lost"]
        self.last: Json = done.json(1)
        self.then, self.now, self.dump = (path.read_bytes() for path in (at_death, self.log, dump))


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A short path: it goes by the emulator's arguments into a place of 64 bytes."""
    name = tempfile.mkdtemp(prefix="mt-")
    yield Path(name)
    shutil.rmtree(name)


@pytest.fixture(scope="module", params=["seed", "double-free"])
def death(folder: Path, request: pytest.FixtureRequest) -> Death:
    return Death(request.param, folder)


def runs(data: bytes, lost: int = 0) -> list[list[LogEvent]]:
    reader, found = LogReader(), list[list[LogEvent]]()
    for items in (reader.feed(data), reader.finish()):
        for item in items:
            if isinstance(item, Header):
                found.append([])
            else:
                found[-1].append(item)
    assert (reader.unread, reader.lost) == (0, lost)
    return found


def test_what_no_poll_had_seen_is_in_the_log_after_the_reset(death: Death) -> None:
    """All of it: from the first event of the run to the assertion, as the ring had them."""
    (before,), (died, started) = runs(death.then), runs(death.now)
    assert len(died) - len(before) >= 200 and before == died[: len(before)]
    logged = {event.seq: event for event in died}
    assert len(death.events) > 1000 and KINDS[died[-1].kind] == "assert"
    for shown in death.events:
        event = logged[shown["seq"]]
        assert (KINDS[event.kind], event.address, event.time) == (shown["kind"], shown["payload"], shown["time"])
    assert died[-1].seq == death.events[-1]["seq"]
    assert len(started) > 1000 and KINDS[started[-1].kind] != "assert"


def test_a_dump_is_what_the_debugger_read(death: Death) -> None:
    (events,) = runs(death.dump, lost=death.overwritten)
    assert [(KINDS[event.kind], event.address, event.seq, event.time) for event in events] == [
        (shown["kind"], shown["payload"], shown["seq"], shown["time"]) for shown in death.events
    ]


PAIRS = 6000  # of each core's tasks


def is_whole(event: LogEvent) -> bool:
    """Whether the fields of an event of the scenario `smp` follow from its address."""
    core, interrupt, task = event.address >> 27 & 1, event.address >> 26 & 1, event.address >> 24 & 3
    size = ((event.address >> 4) * 2654435761 & 0xFFFFFFFF) >> 8
    return (event.core, event.heap, event.size) == (
        core,
        core << 3 | interrupt << 2 | task,
        size if KINDS[event.kind] == "alloc" else 0,
    )


def test_two_cores_and_their_interrupts_record_while_one_of_them_drains(folder: Path) -> None:
    log = folder / "smp"
    append = f"scenario=smp ring=262144 pairs={PAIRS} log={log}"
    with Qemu(firmware.build(VARIANT), append=append, smp=2, memory=32, paused=False, extra=SEMIHOSTING) as target:
        assert target.wait(600) == 0, target.console
    reader = LogReader()
    items = [*reader.feed(log.read_bytes()), *reader.finish()]
    events = [
        item
        for item in items
        if isinstance(item, LogEvent) and item.address >= 0x40000000 and item.address < 0x50000000
    ]
    assert all(is_whole(event) for event in events) and reader.unread == 0
    numbers = [item.seq or 0 for item in items if isinstance(item, LogEvent)]
    assert numbers == sorted(set(numbers))
    assert 4 * PAIRS - reader.lost - 4096 <= len(events), "what is not there is lost, or was not drained at the end"
    assert len(events) > PAIRS and {event.core for event in events} == {0, 1}


def say(capsys: pytest.CaptureFixture[str], *words: str) -> Json:
    assert shell.main([*words, "--elf", str(firmware.build(VARIANT)), "--json"]) == 0
    found: Json = json.loads(capsys.readouterr().out)
    return found


def lines(frames: list[Json] | None) -> list[tuple[str, int]]:
    return [(frame["function"], frame["line"]) for frame in frames or []]


def test_the_file_names_the_lines_that_the_debugger_named(death: Death, capsys: pytest.CaptureFixture[str]) -> None:
    report = say(capsys, "last", BLOCK, str(death.log), "--run", "1")
    wanted, found = death.last["generations"], report["generations"]
    assert len(found) >= len(wanted) > 3
    for debugger, file in zip(wanted, found, strict=False):
        assert lines(file["freed"]) == lines(debugger["freed"])
        assert debugger["size"] is None or file["size"] == debugger["size"]
        if debugger["allocated"]:  # else the ring had it no more
            assert lines(file["allocated"]) == lines(debugger["allocated"])
    assert any(debugger["allocated"] for debugger in wanted)


def test_the_report_has_the_site_and_the_assertion(death: Death, capsys: pytest.CaptureFixture[str]) -> None:
    report = say(capsys, "report", str(death.log), "--run", "1", "--all")
    allocated = next(life["allocated"] for life in death.last["generations"] if life["allocated"])
    sites = {(site["function"], site["line"]) for site in report["sites"]}
    assert sites & set(lines(allocated)), "the owner's innermost function outside of wrappers"
    (died, _) = runs(death.now)
    kinds = [KINDS[event.kind] for event in died]
    assert report["totals"]["allocations"] == kinds.count("alloc") + kinds.count("realloc-end")
    assert "block already marked as free" in report["assertion"]
