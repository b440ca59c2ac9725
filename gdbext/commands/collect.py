# SPDX-License-Identifier: Apache-2.0
"""Collects what commands work on: heaps, the trace and its history, each read once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Dict, List, Optional, Protocol, Sequence

from gdbext.commands.host import Host, UserError
from gdbext.heap.facts import HeapFacts, Region
from gdbext.heap.registry import KINDS, Unreadable, read_heap
from gdbext.model import Skipped, TraceInfo
from gdbext.trace.format import FormatError
from gdbext.trace.history import History
from gdbext.trace.ring import Trace, read_ring


@dataclass
class Collected:
    """Everything that was read."""

    heaps: List[HeapFacts] = field(default_factory=list)
    unreadable: List[Unreadable] = field(default_factory=list)
    trace: Optional[Trace] = None
    history: History = field(default_factory=History)
    skipped: List[Skipped] = field(default_factory=list)

    @property
    def trace_info(self) -> Optional[TraceInfo]:
        """What the trace holds and lost."""
        return self.trace.info if self.trace is not None else None


def collect(host: Host, named_heaps: Sequence[str], ring: Optional[str]) -> Collected:
    """Reads the trace, then the heaps with what the trace proves."""
    found = Collected()
    _collect_trace(host, ring, found)
    proven = _proven(found.history)
    for region in _regions(host, named_heaps, found):
        heap = read_heap(host.memory(), region, proven)
        if isinstance(heap, HeapFacts):
            found.heaps.append(heap)
        else:
            found.unreadable.append(heap)
    return found


def _collect_trace(host: Host, ring: Optional[str], found: Collected) -> None:
    address = host.address(ring) if ring is not None else host.find_ring()
    if address is None:
        found.skipped.append(
            Skipped("trace", "no symbol memtrace_ring: link the recorder, or name the ring with --ring")
        )
        return
    if address == 0:
        found.skipped.append(Skipped("trace", "the ring has not been started yet: memtrace_init has not run"))
        return
    try:
        found.trace = read_ring(host.memory(), address)
    except FormatError as problem:
        found.skipped.append(Skipped("trace", f"no ring at {address:#x}: {problem}"))
        return
    found.history = History(found.trace.events, found.trace.live)


def _proven(history: History) -> Dict[int, str]:
    """Payloads that the trace knows to be blocks now."""
    return {life.payload: f"trace: a block lives there since seq {life.seq}" for life in history.live()}


def _regions(host: Host, named: Sequence[str], found: Collected) -> List[Region]:
    if named:
        return [region_named(host, text) for text in named]
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
