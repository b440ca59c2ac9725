# SPDX-License-Identifier: Apache-2.0
"""Collects what commands work on: heaps, the trace and its history, each read once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Dict, Iterator, List, Optional, Protocol, Sequence, Tuple

from gdbext.commands.host import Host, UserError
from gdbext.heap.cover import Proven
from gdbext.heap.facts import HeapFacts, Region
from gdbext.heap.registry import KINDS, LARGEST_HEAP, Unreadable, read_heap
from gdbext.model import Assertion, Cost, Skipped, TraceInfo
from gdbext.source.memory import Memory
from gdbext.trace.format import HEADER_BYTES, FormatError
from gdbext.trace.history import History
from gdbext.trace.ring import Trace, find_rings, read_ring

SEARCH = "search "  # what a ring's address begins with when it is a range to be searched
_FIRST_LOOK = 4096


@dataclass
class Collected:
    """Everything that was read."""

    heaps: List[HeapFacts] = field(default_factory=list)
    unreadable: List[Unreadable] = field(default_factory=list)
    trace: Optional[Trace] = None
    history: History = field(default_factory=History)
    skipped: List[Skipped] = field(default_factory=list)

    def closing(self, memory: Memory, mark: Cost) -> Tuple[Optional[TraceInfo], Tuple[Skipped, ...], Cost]:
        """What every report ends with: the trace, what was not looked at and why, and the cost since its mark."""
        remarks = (Skipped("memory", remark) for remark in memory.remarks())
        return self.trace_info, (*self.skipped, *remarks), memory.cost_since(mark)

    @property
    def trace_info(self) -> Optional[TraceInfo]:
        """What the trace holds and lost."""
        return self.trace.info if self.trace is not None else None

    @property
    def assertion(self) -> Optional[Assertion]:
        """The assertion that froze the trace."""
        return self.trace.assertion if self.trace is not None else None


def collect(host: Host, named_heaps: Sequence[str], ring: Optional[str]) -> Collected:
    """Reads the trace, then the heaps with what the trace proves."""
    found = collect_trace(host, ring)
    proven = _proven(found.history)
    for region in _regions(host, named_heaps, found):
        heap = read_heap(host.memory(), region, proven)
        if isinstance(heap, HeapFacts):
            found.heaps.append(heap)
            found.skipped += _unread(host, heap)
        else:
            found.unreadable.append(heap)
    return found


def _unread(host: Host, heap: HeapFacts) -> Iterator[Skipped]:
    for start, end in host.memory().failed(heap.start, heap.layout.end):
        yield Skipped("memory", f"{end - start:,} bytes at {start:#x} could not be read")


def ring_address(host: Host, ring: Optional[str]) -> Optional[int]:
    """Where the ring is: what the symbol points to, or where the user says it is or may be found. None: no symbol."""
    if ring is None:
        return host.find_ring()
    if ring.startswith(SEARCH):
        return _search_ring(host, ring[len(SEARCH) :])
    address = host.address(ring)
    host.memory().allow(address, address + HEADER_BYTES)
    return address


def _search_ring(host: Host, text: str) -> int:
    first, comma, last = text.rpartition(",")
    if not comma:
        raise UserError(f"--search {text}: give START,END")
    start, end, memory = host.address(first), host.address(last), host.memory()
    if not start < end <= start + LARGEST_HEAP:
        raise UserError(f"--search {text}: START must lie below END, by {LARGEST_HEAP >> 20} MiB at most")
    memory.allow(start, end)
    memory.fetch(start, min(end - start, _FIRST_LOOK))  # tells how fast the link is
    seconds = memory.link.seconds(end - start)
    memory.progress.say(f"searching {end - start:,} bytes for a ring" + (f", about {seconds:.1f} s" if seconds else ""))
    memory.fetch(start, end - start)
    found = find_rings(memory.snapshot, start, end)
    if not found:
        raise UserError(f"no ring between {start:#x} and {end:#x}: has memtrace_init run? is the ring in there?")
    if len(found) > 1:
        memory.remark(f"{len(found)} rings were found, this is the first: {', '.join(map(hex, found))} (--ring)")
    return found[0]


def collect_trace(host: Host, ring: Optional[str]) -> Collected:
    """Reads the trace alone; why there is none is among what was skipped."""
    try:
        address = ring_address(host, ring)
    except UserError as problem:
        if ring is not None:
            raise
        return _without_trace(str(problem))
    if address is None:
        return _without_trace("no symbol memtrace_ring: link the recorder, or name the ring with --ring")
    if address == 0:
        return _without_trace("the ring has not been started yet: memtrace_init has not run")
    try:
        trace = read_ring(host.memory(), address)
    except FormatError as problem:
        return _without_trace(f"no ring at {address:#x}: {problem}")
    found = Collected(trace=trace, history=History(trace.events, trace.live))
    recorded, loaded = trace.header.build_id, host.build_id()
    if loaded and recorded.strip("0") and loaded != recorded:
        why = "the program loaded here is not the program that recorded: load the right ELF with `file`"
        found.skipped.append(Skipped("symbols", f"functions and lines are wrong: {why}"))
    return found


def _without_trace(why: str) -> Collected:
    return Collected(skipped=[Skipped("trace", why)])


def _proven(history: History) -> Dict[int, Proven]:
    """Payloads that the trace knows to be blocks now."""
    lives = (life for life in history.live() if life.size is not None)
    return {life.payload: Proven(life.size or 0, f"trace: a block lives there since seq {life.seq}") for life in lives}


def _regions(host: Host, named: Sequence[str], found: Collected) -> List[Region]:
    if named:
        regions = [region_named(host, text) for text in named]
        for region in regions:
            host.memory().allow(region.address, region.address + LARGEST_HEAP)
        return regions
    heaps = host.find_heaps()
    found.skipped += heaps.skipped
    if not heaps.regions and not heaps.skipped:
        raise UserError("no heap found: no symbol registered_heaps; name one with --heap KIND@ADDRESS")
    return heaps.regions


class AddressReader(Protocol):
    """What reads an address as its user writes it."""

    def address(self, text: str) -> int:
        """An address, or UserError."""


def region_named(host: AddressReader, text: str) -> Region:
    """What --heap KIND@ADDRESS asks for."""
    kind, at, address = text.partition("@")
    if not at or kind not in KINDS:
        raise UserError(f"--heap {text}: give KIND@ADDRESS with KIND one of {', '.join(KINDS)}")
    return Region(kind, host.address(address))
