# SPDX-License-Identifier: Apache-2.0
"""Two harts and their timer interrupts write into one ring: nothing torn, nothing unaccounted, each stream in order.

The ring is dumped by a real GDB from a running QEMU (-smp 2, no -icount: that would take the races away) and read by
memtrace's own reader. smp.c says how every field of an event follows from its address.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

import pytest

from gdbext.model import Event
from gdbext.source.images import ImageSource
from gdbext.source.memory import Memory
from gdbext.trace.ring import Trace, read_ring
from tests.support.scenario import run_scenario

RING = 8_600_000
WHOLE = 100_000  # pairs a core of which such a ring keeps every event


@dataclass(frozen=True)
class Run:
    """What the ring says, and what each stream (core, interrupt) handed to the recorder."""

    trace: Trace
    issued: dict[tuple[int, int], int]


def run(variant: str, folder: Path, arguments: str, **machine: object) -> Run:
    dump = folder / "ring"
    streams = ", ".join(f"smp_issued[{core}][{interrupt}]" for core in (0, 1) for interrupt in (0, 1))
    commands = [
        "set $ring = (unsigned long)memtrace_ring",
        'printf "ring %lx\\n", $ring',
        f'printf "issued %d %d %d %d\\n", {streams}',
        f"dump binary memory {dump} $ring $ring+{RING}",
    ]
    scenario = f"smp ring={RING} {arguments}"
    done = run_scenario(scenario, commands, variant=variant, before=["break scenario_done"], timeout=250, **machine)
    address = int(re.findall(r"^ring ([0-9a-f]+)", done.stdout, re.MULTILINE)[0], 16)
    numbers = [int(text) for text in re.findall(r"^issued (.*)", done.stdout, re.MULTILINE)[0].split()]
    trace = read_ring(Memory(ImageSource([(address, dump.read_bytes())])), address)
    return Run(trace, dict(zip([(0, 0), (0, 1), (1, 0), (1, 1)], numbers, strict=True)))


def stream(event: Event) -> tuple[int, int]:
    return event.address >> 27 & 1, event.address >> 26 & 1


def ours(found: Run) -> list[Event]:
    """The scenario's own events: the control events of the start are not."""
    return [event for event in found.trace.events if event.kind in ("alloc", "free") and event.address >> 28 == 4]


def torn(event: Event) -> bool:
    """Whether any field does not follow from the address."""
    core, interrupt, task = event.address >> 27 & 1, event.address >> 26 & 1, event.address >> 24 & 3
    size = ((event.address >> 4) * 2654435761 & 0xFFFFFFFF) >> 8 if event.kind == "alloc" else 0
    owner = "ISR" if interrupt else f"smp-{core}-{task}"
    right = (core, size, core << 3 | interrupt << 2 | task)
    return (event.core, event.size, event.heap) != right or event.task not in (owner, "(interrupt)")


def problems(found: Run) -> list[str]:
    """What is wrong with a run whose ring kept everything."""
    events = ours(found)
    kept = Counter(stream(event) for event in events)
    issued = sum(found.issued.values())
    lost = found.trace.header.counters.lost_busy
    wrong = [f"torn: {event}" for event in events if torn(event)]
    if sum(kept.values()) + lost != issued:
        wrong.append(f"kept {sum(kept.values())} + lost {lost} is not issued {issued}")
    return wrong + disorder(events)


def disorder(events: list[Event]) -> list[str]:
    """Streams whose events are not in the order in which they were issued: allocation, free, next address."""
    last: dict[tuple[int, int], tuple[int, int]] = defaultdict(lambda: (-1, 0))
    wrong = []
    for event in events:
        place = (event.address >> 4 & 0xFFFFF, 0 if event.kind == "alloc" else 1)
        if place <= last[stream(event)]:
            wrong.append(f"out of order: {event}")
        last[stream(event)] = place
    return wrong


def test_two_harts_and_their_interrupts(tmp_path: Path) -> None:
    found = run("default", tmp_path, f"pairs={WHOLE}", smp=2)
    assert problems(found) == []
    assert all(count > 1000 for count in found.issued.values()), found.issued


def test_plain_stores_would_be_noticed(tmp_path: Path) -> None:
    """The same with the atomics taken away must fail, or the test above proves nothing. Three tries: it is chance."""
    assert any(problems(run("plain", tmp_path, f"pairs={WHOLE}", smp=2)) for _ in range(3))


def test_a_million_events_in_a_ring_that_wraps(tmp_path: Path) -> None:
    found = run("default", tmp_path, "", smp=2)
    assert sum(found.issued.values()) >= 1_000_000
    info = found.trace.info
    assert info.kept + info.lost == found.trace.header.issued >= sum(found.issued.values())
    events = ours(found)
    assert len(events) > 400_000
    assert [event for event in events if torn(event)] == []
    assert disorder(events) == []


@pytest.mark.parametrize("variant", ["imc"])
def test_a_core_without_atomics(variant: str, tmp_path: Path) -> None:
    found = run(variant, tmp_path, "pairs=40000", cpu="rv32,a=false")
    assert problems(found) == []
