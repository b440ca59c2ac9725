# SPDX-License-Identifier: Apache-2.0
"""Two cores and their timer interrupts write a million events at once; the emulator really runs them at the same time.

scenarios/smp.c says what each event must hold. What the ring kept and what it says it lost must be what was issued, no
event may be torn, each core's events, and each interrupt's, must be in order, and at the time that the firmware saw.
"""

from __future__ import annotations

import re
import struct
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from gdbext.model.events import Event
from gdbext.source.memory import Memory
from gdbext.source.snapshot import snapshot_of
from gdbext.trace.ring import read_ring
from gdbext.trace.trace import Trace
from tests.support.chips import DE212, LX106, RV32, Chip
from tests.support.gdb import remote, run_gdb
from tests.support.qemu import Qemu

COMMON = 1 << 16

TIMED = 2048  # pairs whose times are kept, of each core and level


@dataclass(frozen=True)
class Outcome:
    """The ring at the end, and how many events each core gave to the recorder, tasks and interrupts."""

    trace: Trace
    issued: tuple[int, ...]
    times: Mapping[tuple[int, str], tuple[int, int]]  # of an event's address and kind: the clock before and after


def times_of(data: bytes) -> Iterator[tuple[tuple[int, str], tuple[int, int]]]:
    """The firmware's books of its newest pairs, by core and interrupt; the task is not part of an address here."""
    for place, (number, before, between, after) in enumerate(struct.iter_unpack("<4I", data)):
        core, interrupt = divmod(place // TIMED, 2)
        if after:
            address = core << 27 | interrupt << 26 | (number & 0xFFFFF) << 4
            yield (address, "alloc"), (before, between)
            yield (address, "free"), (between, after)


def outcome(
    elf: Path, arguments: str, *, smp: int = 2, cpu: str | None = None, ring: int = COMMON, chip: Chip = RV32
) -> Outcome:
    append, base = f"scenario=smp ring={ring} {arguments}", chip.base + (2 << 20)
    with tempfile.TemporaryDirectory() as folder, Qemu(elf, append=append, smp=smp, cpu=cpu, chip=chip) as target:
        dump, books = Path(folder) / "ring", Path(folder) / "times"
        commands = [remote(target.remote), "break scenario_done", "continue", "print smp_issued"]
        commands.append(f"dump binary memory {dump} {base} {base + ring}")
        commands.append(f"dump binary memory {books} smp_times smp_times+sizeof(smp_issued)/sizeof(smp_issued[0])")
        done = run_gdb(commands, elf=elf, program=chip.gdb)
        data, times = dump.read_bytes(), dict(times_of(books.read_bytes()))
    numbers = re.search(r"\$1 = (\{\{.*\}\})", done.stdout)
    assert numbers is not None, done.stdout
    trace = read_ring(Memory(snapshot_of([(base, data)], 4, "little")), base)
    return Outcome(trace, tuple(map(int, re.findall(r"\d+", numbers[1]))), times)


def torn(event: Event) -> bool:
    """Whether a field of an event does not follow from its address."""
    core, interrupt, task = event.address >> 27 & 3, event.address >> 26 & 1, event.address >> 24 & 3
    size = ((event.address >> 4) * 2654435761 & 0xFFFFFFFF) >> 8
    return (
        event.kind not in ("alloc", "free")
        or event.size != (size if event.kind == "alloc" else 0)
        or (event.heap, event.core) != (core << 3 | interrupt << 2 | task, core)
        or event.task != ("(interrupt)" if interrupt else f"smp-{core}-{task}")
        or not event.stack
    )


def disorder(events: tuple[Event, ...]) -> list[Event]:
    """Events that do not follow the one before them of the same core and level, as far as their numbers tell."""
    last: dict[int, int] = {}
    wrong = []
    for event in events:
        line = event.address >> 26
        step = ((event.address >> 4 & 0xFFFFF) << 1 | (event.kind == "free")) & 0x1FFFFF
        if line in last and not 0 < (step - last[line]) % (1 << 21) < 1 << 20:
            wrong.append(event)
        last[line] = step
    return wrong


def mistimed(result: Outcome, events: tuple[Event, ...]) -> list[str]:
    """Events whose time is unknown or not between the two that the firmware saw, which wrap at 32 bits."""
    wrong, checked = [], 0
    for event in events:
        known = result.times.get((event.address & ~(0xE << 28 | 3 << 24), event.kind))
        if known is None:
            continue
        before, after = known
        checked += 1
        if event.time is None or (event.time - before & 0xFFFFFFFF) > (after - before & 0xFFFFFFFF):
            wrong.append(f"{event.time} is not in {before}..{after}: {event}")
    if checked < min(len(events), 4000) // 2:
        wrong.append(f"the times of only {checked:,} of {len(events):,} events are known")
    return wrong


def faults(result: Outcome, *, whole: bool = False) -> list[str]:
    """What is wrong with a run."""
    trace, asked = result.trace, sum(result.issued)
    boot = next(
        (i for i, event in enumerate(trace.events) if event.address >> 29 == 2), None
    )  # the firmware's own, before
    if boot is None:
        return ["none of the scenario's events is there"]
    events, others = trace.events[boot:], trace.info.kept - len(trace.events) + boot
    wrong = [f"torn {event}" for event in events if torn(event)]
    wrong += [f"out of order {event}" for event in disorder(events)]
    wrong += mistimed(result, events)
    if trace.info.kept + trace.info.lost != trace.header.issued:
        wrong.append("kept and lost are not what was issued")
    extra = trace.header.issued - asked
    if not 0 <= extra <= (others if whole else asked):
        wrong.append(f"{asked:,} events were asked for, {trace.header.issued:,} issued")
    if whole and len(events) + trace.info.dropped < asked:
        wrong.append(f"{len(events):,} of {asked:,} are there, {trace.info.dropped:,} were refused")
    # A writer that stands in a slot, a task's or an interrupt's of each core, costs an event a lap.
    if trace.info.half_written or trace.info.dropped > len(result.issued) * (
        trace.header.issued // trace.header.capacity + 1
    ):
        wrong.append(f"{trace.info.half_written:,} half written, {trace.info.dropped:,} refused")
    return wrong


def test_a_million_events_of_two_cores(build_firmware: Callable[[str], Path]) -> None:
    result = outcome(build_firmware("default"), "pairs=250000")
    assert min(result.issued) > 100 and sum(result.issued) >= 1_000_000
    assert faults(result) == []


def test_half_a_million_events_of_four_cores(build_firmware: Callable[[str], Path]) -> None:
    result = outcome(build_firmware("cores-4"), "pairs=62500", smp=4)
    assert len(result.issued) == 8 and min(result.issued) > 100 and sum(result.issued) >= 500_000
    assert faults(result) == []


def test_a_ring_that_holds_them_all_holds_them_all(build_firmware: Callable[[str], Path]) -> None:
    result = outcome(build_firmware("default"), "pairs=50000", ring=5 << 20)
    assert faults(result, whole=True) == []
    assert result.trace.info.overwritten == 0


def test_a_core_without_atomic_instructions(build_firmware: Callable[[str], Path]) -> None:
    result = outcome(build_firmware("imc"), "pairs=50000", smp=1, cpu="rv32,a=false")
    assert faults(result) == []


@pytest.mark.parametrize("chip", [DE212, LX106], ids=lambda chip: chip.name)
def test_interrupts_of_one_xtensa_core(build_firmware: Callable[[str], Path], chip: Chip) -> None:
    """S32C1I on the one, the interrupt level on the other; interrupts between spilling the windows and walking them."""
    result = outcome(build_firmware(chip.name), "pairs=50000", smp=1, chip=chip)
    assert min(result.issued[:2]) > 100
    assert faults(result) == []


def test_plain_stores_are_noticed(build_firmware: Callable[[str], Path]) -> None:
    """With the atomic instructions replaced by plain ones the same test must fail."""
    elf = build_firmware("plain")
    assert any(faults(outcome(elf, "pairs=250000")) for _ in range(40))


@pytest.mark.parametrize("variant", ["os", "nofp"])
def test_other_builds(build_firmware: Callable[[str], Path], variant: str) -> None:
    assert faults(outcome(build_firmware(variant), "pairs=50000")) == []
