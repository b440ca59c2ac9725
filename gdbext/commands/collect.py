# SPDX-License-Identifier: Apache-2.0
"""Collects what commands work on: heaps, the trace and its history, each read once."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Dict, Iterator, List, Optional, Protocol, Sequence, Tuple

from gdbext.analyse.watch import Past
from gdbext.commands.host import Host, UserError
from gdbext.heap.allocator import LARGEST_HEAP, Unreadable
from gdbext.heap.cover import Proven
from gdbext.heap.facts import HeapFacts
from gdbext.heap.region import Region
from gdbext.heap.registry import ALLOCATORS, AUTO, KINDS, complete, read_heap
from gdbext.heap.search import Searched, search_heaps
from gdbext.model import Assertion, Cost, Event, Skipped, TraceInfo
from gdbext.source.memory import Memory
from gdbext.trace.format import HEADER_BYTES, FormatError
from gdbext.trace.history import History
from gdbext.trace.idf_heap_trace import HEAP_TRACING
from gdbext.trace.idf_task_stats import TASK_TRACKING, TaskOwners
from gdbext.trace.ring import Rings, find_rings, read_ring, search_rings
from gdbext.trace.trace import Trace

SEARCH = "search "  # what a ring's address begins with when it is a range to be searched
_FIRST_LOOK = 4096
_HOLES_SAID = 8
_NO_HEAP = (
    "no heap found: no symbol leads to one, and nothing that was searched looks like one; search memory with "
    "--search START,END, or name one with --heap KIND@ADDRESS"
)


@dataclass
class Collected:
    """Everything that was read."""

    heaps: List[HeapFacts] = field(default_factory=list)
    unreadable: List[Unreadable] = field(default_factory=list)
    trace: Optional[Trace] = None
    history: History = field(default_factory=History)  # of the trace, with what else is known of owners
    skipped: List[Skipped] = field(default_factory=list)
    tasks: Optional[TaskOwners] = None  # who owns which block, of a program that counts for each task
    heaps_missing: bool = False  # and why is among what was skipped

    def closing(self, memory: Memory, mark: Cost) -> Tuple[Optional[TraceInfo], Tuple[Skipped, ...], Cost]:
        """What every report ends with: the trace, what was not looked at and why, and the cost since its mark."""
        remarks = (Skipped("memory", remark) for remark in memory.remarks())
        return self.trace_info, (*self.skipped, *remarks), memory.cost_since(mark)

    @property
    def past(self) -> Past:
        """What the trace holds."""
        return Past(self.history, self.events, self.trace is not None and self.trace.is_whole)

    @property
    def trace_info(self) -> Optional[TraceInfo]:
        """What the trace holds and lost."""
        return None if self.trace is None else self.trace.info

    @property
    def events(self) -> Tuple[Event, ...]:
        """What happened, as far as the trace tells in which order."""
        return () if self.trace is None else self.trace.events

    @property
    def books(self) -> List[Tuple[int, int]]:
        """Memory that trace and task lists lie in: it is full of addresses that nobody uses as pointers."""
        return [*(() if self.trace is None else self.trace.own), *(() if self.tasks is None else self.tasks.own)]

    @property
    def proven(self) -> Dict[int, Proven]:
        """Payloads that the trace knows to be blocks now."""
        if self.trace is not None and not self.trace.proves_live:
            return {}
        lives = (life for life in self.history.live() if life.size is not None)
        why = "trace: a block lives there since seq"
        return {life.payload: Proven(life.size or 0, f"{why} {life.seq}") for life in lives}

    @property
    def assertion(self) -> Optional[Assertion]:
        """The assertion that ended the trace."""
        return None if self.trace is None else self.trace.assertion


def collect(
    host: Host, named_heaps: Sequence[str], ring: Optional[str], pools: Sequence[str] = (), needed: bool = True
) -> Collected:
    """Reads the trace, then the heaps with what the trace proves. UserError without any heap, if one is needed.

    A range to be searched may hold either. KeyboardInterrupt: Ctrl-C came before the trace was read, or a heap found.
    """
    span = _span(host, ring)
    try:
        found = collect_trace(host, ring)
    except NoRingThere as problem:
        found = _without_trace(str(problem))
    proven = found.proven
    regions = _with_pools(host, _regions(host, named_heaps, found, span), pools)
    if not regions:
        host.memory().require_whole()
    if needed and not regions and not found.heaps_missing:
        raise UserError(_NO_HEAP)
    for region in regions:
        heap = read_heap(host.memory(), region, proven)
        if isinstance(heap, HeapFacts):
            found.heaps.append(heap)
            found.skipped += [*heap.allocator.remarks(heap), *_unread(host, heap)]
        else:
            found.unreadable.append(heap)
    program = host.program
    wanted = (found.trace is None or found.trace.header is None) and ring is None and found.heaps
    if wanted and program is not None and program.address_of(TASK_TRACKING) is not None:
        from gdbext.commands.imported import import_tasks  # not needed by those who only load us

        import_tasks(host, program, found)
    return found


def _unread(host: Host, heap: HeapFacts) -> Iterator[Skipped]:
    holes = host.memory().failed(heap.start, heap.layout.behind) if heap.layout.fills_pools else []
    for start, end in holes[:_HOLES_SAID]:
        yield Skipped("memory", f"{end - start:,} bytes at {start:#x} could not be read")
    if holes[_HOLES_SAID:]:
        left = sum(end - start for start, end in holes[_HOLES_SAID:])
        yield Skipped("memory", f"{left:,} bytes more at {len(holes) - _HOLES_SAID:,} places could not be read")


def _with_pools(host: Host, regions: List[Region], pools: Sequence[str]) -> List[Region]:
    """The regions, of which the one that can have several pools has those that --pool names."""
    if not pools:
        return regions
    pooled = [AUTO, *(kind for kind, one in ALLOCATORS.items() if one.takes_pools)]
    able = [region for region in regions if region.kind in pooled]
    if len(able) != 1:
        kinds = f"{', '.join(pooled[:-1])} or {pooled[-1]}"
        raise UserError(f"--pool {pools[0]}: {len(able)} heaps here may have pools: name one with --heap, as {kinds}")
    spans = [_pair(host, f"--pool {text}", text) for text in pools]
    for low, high in spans:
        host.memory().allow_named(low, high)
    named = replace(able[0], pools=(*able[0].pools, *spans))
    return [named if region is able[0] else region for region in regions]


class NoRingThere(UserError):
    """The range that was to be searched holds no ring."""


def ring_address(host: Host, ring: Optional[str]) -> Optional[int]:
    """Where the ring is: what the symbol points to, or where the user says it is or may be found. None: no symbol."""
    if ring is None:
        return host.find_ring()
    span = _span(host, ring)
    if span is not None:
        return _search_ring(host, *span)
    address = host.address(ring)
    host.memory().allow_named(address, address + HEADER_BYTES)
    return address


def _span(host: Host, ring: Optional[str]) -> Optional[Tuple[int, int]]:
    """The range that the user wants searched."""
    if ring is None or not ring.startswith(SEARCH):
        return None
    text = ring[len(SEARCH) :]
    return _pair(host, f"--search {text}", text)


def _pair(host: Host, option: str, text: str) -> Tuple[int, int]:
    """The range that an option gives as START,END."""
    first, comma, last = text.rpartition(",")
    if not comma:
        raise UserError(f"{option}: give START,END")
    start, end = host.address(first), host.address(last)
    if not start < end <= start + LARGEST_HEAP:
        raise UserError(f"{option}: START must lie below END, by {LARGEST_HEAP >> 20} MiB at most")
    return start, end


def _search_ring(host: Host, start: int, end: int) -> int:
    memory = host.memory()
    memory.allow_named(start, end)
    memory.fetch(start, min(end - start, _FIRST_LOOK))  # tells how fast the link is
    seconds = memory.link.seconds(end - start)
    memory.progress.say(f"searching {end - start:,} bytes" + (f", about {seconds:.1f} s" if seconds else ""))
    memory.fetch(start, end - start)
    memory.require_whole()
    found = find_rings(memory.snapshot, start, end)
    if not found:
        raise NoRingThere(f"no ring between {start:#x} and {end:#x}: has memtrace_init run? is the ring in there?")
    if len(found) > 1:
        memory.remark(f"{len(found)} rings were found, this is the first: {', '.join(map(hex, found))} (--ring)")
    return found[0]


def collect_trace(host: Host, ring: Optional[str]) -> Collected:
    """Reads the trace alone, ours or that of ESP-IDF; why there is none is among what was skipped."""
    found = _own_trace(host, ring)
    program = host.program
    wanted = found.trace is None and ring is None
    if wanted and program is not None and program.address_of(HEAP_TRACING) is not None:
        from gdbext.commands.imported import import_records  # not needed by those who only load us

        import_records(host, program, found)
    host.memory().require_whole()  # a free that was not read makes a block live
    return found


def _own_trace(host: Host, ring: Optional[str]) -> Collected:
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
    found = Collected(trace=trace, history=trace.history)
    recorded, loaded = trace.header.build_id, host.build_id()
    if loaded and recorded.strip("0") and loaded != recorded:
        why = "the program loaded here is not the program that recorded: load the right ELF with `file`"
        found.skipped.append(Skipped("symbols", f"functions and lines are wrong: {why}"))
    return found


def _without_trace(why: str) -> Collected:
    return Collected(skipped=[Skipped("trace", why)])


def _regions(host: Host, named: Sequence[str], found: Collected, span: Optional[Tuple[int, int]]) -> List[Region]:
    if named:
        regions = [_completed(host, region_named(host, text)) for text in named]
        for region in regions:
            host.memory().allow_from(region.address, region.address + LARGEST_HEAP)
        return regions
    heaps = host.find_heaps()
    searched = search_heaps(host.memory(), [span]) if span is not None else Searched([], [])
    found.skipped += [Skipped("heaps", why) for why in (*heaps.problems, *searched.left_out)]
    found.heaps_missing = bool(heaps.problems)
    known = {region.address for region in heaps.regions}
    return [
        *(_with_types(host, region) for region in heaps.regions),
        *(region for region in searched.regions if region.address not in known),
    ]


def _completed(host: Host, region: Region) -> Region:
    """A heap that the user named, with what symbols say of it."""
    if region.kind != AUTO and ALLOCATORS[region.kind].needs_variables:
        known = host.find_heaps().regions
        return next((one for one in known if (one.kind, one.address) == (region.kind, region.address)), region)
    return _with_types(host, region)


def _with_types(host: Host, region: Region) -> Region:
    return region if host.program is None else complete(host.memory(), region, host.program)


def newest_ring(memory: Memory) -> Optional[int]:
    """The ring that magic and a sound header show; of several the newest, and the others are said."""
    rings = search_rings(memory)
    if not rings.found:
        _say_copies(memory, rings)
        return None
    chosen, others = rings.found[0].address, [header.address for header in rings.found[1:]]
    if others:
        listed = ", ".join(map(hex, others))
        memory.remark(f"{len(rings.found)} rings were found: this is the newest, at {chosen:#x}; --ring for {listed}")
    return chosen


def _say_copies(memory: Memory, rings: Rings) -> None:
    for place, told in rings.copies[:1]:
        memory.remark(f"a ring lies at {place:#x} that says it lies at {told:#x}: is the image's BASE right?")


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
