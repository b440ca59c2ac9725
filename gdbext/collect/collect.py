# SPDX-License-Identifier: Apache-2.0
"""Finds and reads the heaps and the trace of a target.

Approach: the heaps are located first, because the ring may lie in one: by symbols, or in a file by what they look like.
Then the trace is read, then the heaps, with the blocks that the trace proves. Each is read once.
"""

from __future__ import annotations

from argparse import Namespace
from functools import lru_cache
from typing import Callable, Iterator, List, Optional, Sequence, Tuple

from gdbext.collect.absent import no_heap, why_no_heap, wrong_files
from gdbext.collect.collected import Collected
from gdbext.collect.traces import NoRing, read_trace, read_trace_before, with_block_owners, with_task_lists
from gdbext.heap.allocator import LARGEST_HEAP, Named
from gdbext.heap.facts import HeapFacts
from gdbext.heap.registry import AUTO, FAMILIES, KINDS, allocator_of, complete, find_named, read_heap
from gdbext.heap.search import search_file, search_heaps
from gdbext.model.errors import UserError
from gdbext.model.record import replace
from gdbext.model.region import Region, Span
from gdbext.model.reports.base import Skipped
from gdbext.model.said import said
from gdbext.report.sentences import words
from gdbext.target.formats import region_named
from gdbext.target.target import Target
from gdbext.trace.wish import Wish

_MOST_HOLES_SHOWN = 8


def collect_trace(target: Target, wanted: Namespace, wish: Optional[Wish] = None) -> Collected:
    """Reads the trace alone, by the options TRACE of arguments.py. If there is none, the reason is in `skipped`.

    `wish` says what is needed of a log.
    """
    found = Collected(target)
    if _of_run_before(wanted):
        read_trace_before(found, wanted, span_of(target, wanted), lru_cache(lambda: find_heaps(target)))
    else:
        read_trace(found, wanted, span_of(target, wanted), lru_cache(lambda: find_heaps(target)), wish or Wish())
    target.bytes.memory().require_whole()  # a free that was not read would make a block look live
    return found


def collect(target: Target, wanted: Namespace, needed: bool = True, wish: Optional[Wish] = None) -> Collected:
    """Reads the trace, then the heaps with the blocks that the trace proves, by the options SOURCES of arguments.py.

    The range of --search may hold a ring, heaps, or both. With --previous the trace is that of the run before, and no
    heap is read. `wish` says what is needed of a log, if that is not every live block.
    Raises UserError if a heap is needed and none is found.
    Raises KeyboardInterrupt if Ctrl-C came before the trace was read or a heap was found.
    """
    memory = target.bytes.memory()
    # All options are parsed before anything is read: a wrong one must not cost a reading.
    found, span = Collected(target), span_of(target, wanted)
    asked = [region_named(text, target.bytes.address) for text in dict.fromkeys(wanted.heap)]
    pools = [_pair(target, f"--pool {text}", text) for text in dict.fromkeys(wanted.pool)]
    named = lru_cache(lambda: find_heaps(target))
    if _of_run_before(wanted):
        if asked or pools:
            raise UserError("--previous reads the trace of the run before: the heaps that are here now are not its")
        read_trace_before(found, wanted, span, named)
        memory.require_whole()
        found.skipped.append(Skipped("heaps", said("heaps-of-this-run")))
        return found
    try:
        read_trace(found, wanted, span, named, wish or Wish())
        memory.require_whole()
    except NoRing as problem:
        found.skipped.append(Skipped("trace", problem.why))
    regions = _with_pools(target, _regions(found, asked, span, named), pools)
    if not regions:
        memory.require_whole()
    if not regions and target.log is None:
        why = wrong_files(target) if found.heaps_missing else why_no_heap(target)
        if needed and not found.heaps_missing:
            raise UserError(words(no_heap(target, why)))
        found.skipped[:0] = [] if why is None else [Skipped("heaps", why)]
    proven = found.proven
    for region in regions:
        heap = read_heap(memory, region, proven)
        earlier = [*(one.region for one in found.heaps), *(one.region for one in found.unreadable)]
        if (heap.region.kind, heap.region.address) in [(one.kind, one.address) for one in earlier]:
            continue  # named twice, by its kind and as auto
        if isinstance(heap, HeapFacts):
            found.heaps.append(heap)
            found.skipped += [*heap.allocator.remarks(heap), *_unread(target, heap)]
        else:
            found.unreadable.append(heap)
    if found.heaps and wanted.ring is None and wanted.search is None:
        with_task_lists(found)
        with_block_owners(found)
    return found


def _of_run_before(wanted: Namespace) -> bool:
    """Tells whether --previous is given. Not every command has it."""
    return bool(getattr(wanted, "previous", False))


def find_heaps(target: Target) -> Named:
    """Returns the heaps that were saved with a core, else those that symbols lead to, else those that a file shows.

    A file is not searched if the program's own list of heaps can be read, even if that is empty or broken.
    """
    saved = target.bytes.saved
    if saved is not None:
        regions = [heap for heap in saved.heaps if heap.kind in KINDS]
        return Named(regions, [said("as-saved", why=why) for _, why in saved.skipped])
    memory = target.bytes.memory()
    named = find_named(memory, target.program)
    if named.regions or named.final or not target.bytes.is_file:
        return named
    searched = search_file(memory)
    lacking = [] if target.bytes.why_no_heaps is None or searched.regions else [target.bytes.why_no_heaps]
    return Named(searched.regions, [*named.problems, *searched.problems, *lacking])


def _regions(
    found: Collected, asked: Sequence[Region], span: Optional[Span], named: Callable[[], Named]
) -> List[Region]:
    """Returns the heaps that were asked for by --heap, else those that are found."""
    target = found.target
    if asked:
        regions: List[Region] = []
        for region in asked:
            if region.kind != AUTO and allocator_of(region.kind).needs_variables:
                wanted_heap = (region.kind, region.address)
                same = [other for other in named().regions if (other.kind, other.address) == wanted_heap]
                regions.append(same[0] if same else region)
            else:
                regions.append(complete(target.bytes.memory(), region, target.program))
        memory = target.bytes.memory()
        for start in (region.address for region in regions):
            # The heap's size is a guess. A fragile source is spared it if the heap's memory is known already.
            if not (memory.fragile and memory.may_read(start, start + 1)):
                memory.allow_named(start, start + LARGEST_HEAP)
        return regions
    heaps = named()
    searched = search_heaps(target.bytes.memory(), [span]) if span is not None else Named([], [])
    found.skipped += [Skipped("heaps", why) for why in (*heaps.problems, *searched.problems)]
    found.heaps_missing = bool(heaps.problems)
    known = {region.address for region in heaps.regions}
    return [
        *(complete(target.bytes.memory(), region, target.program) for region in heaps.regions),
        *(region for region in searched.regions if region.address not in known),
    ]


def _unread(target: Target, heap: HeapFacts) -> Iterator[Skipped]:
    holes = target.bytes.memory().failed(heap.start, heap.layout.behind) if heap.layout.fills_pools else []
    for start, end in holes[:_MOST_HOLES_SHOWN]:
        yield Skipped("memory", said("hole-unread", bytes=end - start, place=start))
    if holes[_MOST_HOLES_SHOWN:]:
        left = sum(end - start for start, end in holes[_MOST_HOLES_SHOWN:])
        yield Skipped("memory", said("more-holes-unread", bytes=left, places=len(holes) - _MOST_HOLES_SHOWN))


def _with_pools(target: Target, regions: List[Region], pools: Sequence[Span]) -> List[Region]:
    """Returns the regions, with the pools of --pool added to the one region that can have several."""
    if not pools:
        return regions
    pooled = [AUTO, *(kind for family in FAMILIES.values() for kind in family.pooled)]
    able = [region for region in regions if region.kind in pooled]
    if len(able) != 1:
        kinds = f"{', '.join(pooled[:-1])} or {pooled[-1]}"
        first = f"--pool {pools[0][0]:#x},{pools[0][1]:#x}"
        raise UserError(f"{first}: {len(able)} heaps here may have pools: name one with --heap, as {kinds}")
    for low, high in pools:
        target.bytes.memory().allow_named(low, high)
    named = replace(able[0], pools=(*able[0].pools, *pools), told=False)
    return [named if region is able[0] else region for region in regions]


def span_of(target: Target, wanted: Namespace) -> Optional[Span]:
    """Returns the range of --search, or None."""
    return None if wanted.search is None else _pair(target, f"--search {wanted.search}", wanted.search)


def _pair(target: Target, option: str, text: str) -> Tuple[int, int]:
    """Returns the range that an option gives as START,END."""
    first, comma, last = text.rpartition(",")
    if not comma:
        raise UserError(f"{option}: give START,END")
    start, end = target.bytes.address(first), target.bytes.address(last)
    if not start < end <= start + LARGEST_HEAP:
        raise UserError(f"{option}: START must lie below END, by {LARGEST_HEAP >> 20} MiB at most")
    return start, end
