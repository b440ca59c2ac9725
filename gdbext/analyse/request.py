# SPDX-License-Identifier: Apache-2.0
"""Answers why an allocation fails: which heaps are asked for it, what each has, who stands between the free blocks.

Approach: every number is the allocator's own, from the layout and the guards; who lives where is the trace's.
Cost: nothing is read beside the heaps and the trace; one pass over the blocks of the heaps that serve the request.
Limits: the trace does not record for which capabilities a failed allocation was made: the program's default is assumed.
"""

from __future__ import annotations

from argparse import Namespace
from collections import Counter
from functools import reduce
from operator import or_
from typing import Callable, FrozenSet, Iterable, Iterator, List, Optional, Sequence, Tuple
from typing import Counter as Counts

from gdbext.analyse.profile.sites import from_site, site_said
from gdbext.analyse.room import MOST_OPENINGS, MOST_USED, granted, openings, size_needed
from gdbext.heap.capabilities import BITS, DEFAULT, LISTED, capabilities_in, names_of, turn_of
from gdbext.heap.facts import HeapFacts
from gdbext.model.events import Frame, Owner, Stack
from gdbext.model.reports.free import Candidate, CapabilityTotals, LiveSite, Opening, Pin, Request
from gdbext.model.said import Said, said
from gdbext.trace.trace import Trace

_MOST_SITES = 8
_LAST = 1 << 30  # the turn of a heap that is never asked
_Key = Tuple[Optional[str], Optional[str], Optional[int]]
_NOBODY: _Key = (None, None, None)
OwnerOf = Callable[[int, int], Optional[Owner]]  # of a heap's address and a used block's user pointer
Frames = Callable[[Tuple[int, ...]], Stack]


class Answer:
    """What is known of a request, and of the capabilities of the heaps."""

    def __init__(
        self, heaps: Sequence[HeapFacts], trace: Trace, owner_of: OwnerOf, frames: Frames, options: Namespace
    ) -> None:
        self._heaps = [facts for facts in heaps if not facts.cut]
        self._owner_of = owner_of
        self._failed = None if trace.info is None else said("next-failed")
        own = (facts.holder(start) for facts in heaps for start, _ in trace.own)
        self._kept: FrozenSet[int] = frozenset(payload for payload in own if payload is not None)
        self._words = {id(facts): capabilities_in(facts.region.hints) for facts in self._heaps}
        self._wanted = self._capabilities(options.caps)
        self.request = _request(trace, frames, options, names_of(self._wanted))
        self.capabilities = tuple(self._totals())
        self.candidates: Tuple[Candidate, ...] = ()
        self.openings: Tuple[Opening, ...] = ()
        self.sites: Tuple[LiveSite, ...] = ()
        self.text, self.next = self._of_default()
        if self.request is not None:
            self.text, self.next = self._of_request(self.request.size)
        elif _fails_now(options):
            self.sites = tuple(
                self._sites([facts for facts in self._heaps if self._turn(facts, self._wanted) is not None])
            )
            self.next = said("next-leaks") if self.sites else self.next

    def _capabilities(self, asked: Optional[int]) -> int:
        """Returns what heaps must be able to. Without a choice of the user's it is what malloc wants."""
        if asked is not None:
            return asked
        return DEFAULT if any(self._words.values()) else 0

    def _totals(self) -> Iterator[CapabilityTotals]:
        if not any(self._words.values()):
            return
        for name in LISTED:
            heaps = [facts for facts in self._heaps if self._turn(facts, BITS[name]) is not None]
            if not heaps:
                continue
            numbers = [facts.numbers() for facts in heaps]
            free, used = (sum(one[name] for one in numbers) for name in ("free_bytes", "used_bytes"))
            largest = max(one["largest_free"] for one in numbers)
            yield CapabilityTotals(name, len(heaps), free, largest, used)

    def _turn(self, facts: HeapFacts, wanted: int) -> Optional[int]:
        """Returns the turn in which a heap is asked; None if it is not. A heap without capabilities is asked first."""
        words = self._words[id(facts)]
        return 0 if words is None or not wanted else turn_of(words, wanted)

    def _of_default(self) -> Tuple[Optional[Said], Optional[Said]]:
        """Returns what of the free memory malloc cannot have, where that is much, and what shows who has the rest."""
        other = [facts for facts in self._heaps if self._turn(facts, DEFAULT) is None]
        served = [facts for facts in self._heaps if self._turn(facts, DEFAULT) is not None]
        beside = sum(facts.numbers()["free_bytes"] for facts in other)
        free = sum(facts.numbers()["free_bytes"] for facts in served)
        if not served or not beside:
            return None, None
        largest = max(max(facts.free_sizes(), default=0) for facts in served)
        most = max(map(granted, served))
        text = said("free-for-malloc", free=free, all=free + beside, most=most, largest=largest)
        fullest = max(served, key=lambda facts: facts.used_bytes)
        return text, said("next-blocks", start=fullest.start, end=fullest.end)

    def _of_request(self, size: int) -> Tuple[Said, Optional[Said]]:
        turns = {id(facts): self._turn(facts, self._wanted) for facts in self._heaps}
        asked = sorted(self._heaps, key=lambda facts: _LAST if turns[id(facts)] is None else turns[id(facts)] or 0)
        self.candidates = tuple(self._candidate(facts, size) for facts in asked)
        served = [facts for facts in self._heaps if turns[id(facts)] is not None]
        wanted = names_of(self._wanted)
        if not served:
            return said("request-no-heap", size=size, caps=wanted), said("next-status")
        fitting = next((one for one in self.candidates if one.fits), None)
        if fitting is not None:
            return said("request-fits", size=size, heap=fitting.heap, largest=fitting.largest_free), self._failed
        self.sites = tuple(self._sites(served))
        return self._refused(served, size)

    def _refused(self, served: Sequence[HeapFacts], size: int) -> Tuple[Said, Optional[Said]]:
        """Returns why no heap has room, and what shows the blocks that stand in the way."""
        free = sum(facts.numbers()["free_bytes"] for facts in served)
        largest = max(max(facts.free_sizes(), default=0) for facts in served)
        needed, heaps = min(size_needed(facts, size) for facts in served), len(served)
        whole = sum(facts.layout.behind - facts.layout.first for facts in served)
        tells = said("next-leaks") if self.sites else said("next-used")
        if free < needed <= whole:
            return said("request-full", size=size, free=free, heaps=heaps, by=_by(self.sites)), tells
        self.openings = tuple(self._openings(served, size))
        if self.openings:
            first = self.openings[0]
            text = said(
                "request-scattered", size=size, free=free, heaps=heaps, needed=needed, largest=largest,
                blocks=len(first.blocks), whose=_whose(first), room=first.size,
            )  # fmt: skip
            return text, said("next-blocks", start=first.start, end=first.end)
        if needed > whole:
            return said("request-large", size=size, heaps=heaps, whole=whole), self._failed
        text = said(
            "request-apart", size=size, free=free, heaps=heaps, needed=needed, largest=largest, most=MOST_USED,
            by=_by(self.sites),
        )  # fmt: skip
        return text, tells

    def _candidate(self, facts: HeapFacts, size: int) -> Candidate:
        needed, free = size_needed(facts, size), facts.free_sizes()
        largest, is_served = max(free, default=0), self._turn(facts, self._wanted) is not None
        is_known = facts.layout.fills_pools
        fits = is_served and is_known and largest >= needed
        lacked = names_of(self._wanted & ~reduce(or_, self._words[id(facts)] or (), 0))
        if not is_served:
            why = said("room-lacks", caps=lacked or names_of(self._wanted))
        elif not is_known:
            why = said("room-unknown")
        elif fits:
            why = said("room-fits", largest=largest, needed=needed)
        elif largest >= facts.layout.rounded(facts.guards.wrapped(size)):
            why = said("room-missed", largest=largest, needed=needed)
        else:
            why = said("room-small", largest=largest, needed=needed)
        shown = largest if is_known else None
        return Candidate(facts.region.address, facts.region.name, is_served, fits, needed, shown, why)

    def _openings(self, served: Sequence[HeapFacts], size: int) -> List[Opening]:
        found = []
        for facts in served:
            for run in openings(facts, size_needed(facts, size), self._kept) if facts.layout.fills_pools else ():
                payloads = facts.walk.payloads[run.first : run.last + 1]
                pins = tuple(self._pin(facts, raw) for raw in payloads if not facts.is_free(raw))
                heap, end = facts.region.address, payloads[0] + run.size
                sites = _sites_of((one.owner, one.size) for one in pins)
                found.append(Opening(heap, payloads[0], end, run.size, run.used_bytes, pins, tuple(sites)))
        return sorted(found, key=lambda one: (len(one.blocks), one.used_bytes))[:MOST_OPENINGS]

    def _pin(self, facts: HeapFacts, raw: int) -> Pin:
        user = facts.user(raw)
        return Pin(user, facts.size_of(raw), self._owner_of(facts.region.address, user))

    def _sites(self, served: Sequence[HeapFacts]) -> List[LiveSite]:
        """Returns who has the memory of these heaps, the most bytes first. A stack is named once."""
        pairs = ((facts, raw, size) for facts in served for raw, size in facts.walk.used() if raw not in self._kept)
        owners = ((self._owner_of(facts.region.address, facts.user(raw)), size) for facts, raw, size in pairs)
        return _sites_of(owners)[:_MOST_SITES]


def _request(trace: Trace, frames: Frames, options: Namespace, capabilities: Tuple[str, ...]) -> Optional[Request]:
    """Returns what the user asks for, else the last allocation that failed in the trace, else None. Where one fails
    right now, no older one is asked about.
    """
    if options.request is not None:
        return Request(options.request, capabilities, "stopped" if _fails_now(options) else "asked")
    failed = [event for event in trace.events if event.kind == "alloc-failed"]
    if not failed or trace.is_past or _fails_now(options):
        return None
    last = failed[-1]
    return Request(last.size, capabilities, "failed", last.seq, last.task, frames(last.stack))


def _fails_now(options: Namespace) -> bool:
    """Tells whether the target has stopped where an allocation fails."""
    return getattr(options, "fails_now", False)


def _by(sites: Sequence[LiveSite]) -> Said:
    """Names the first of some sites."""
    if not sites or sites[0].function is None:
        return said("by-unknown")
    return said("by-site", site=site_said(sites[0].function, sites[0].file, sites[0].line))


def _whose(opening: Opening) -> Said:
    """Names who has allocated the blocks to free, or the most bytes of them."""
    by, sites = _by(opening.sites), len(opening.sites)
    if len(opening.blocks) == 1:
        return said("pin-of", by=by)
    return said("pins-of-all", by=by) if sites <= 1 else said("pins-of-most", by=by)


def _sites_of(owned: Iterable[Tuple[Optional[Owner], int]]) -> List[LiveSite]:
    """Returns the sites of some blocks, each with its owner and size, the most bytes first. Blocks of which no stack is
    recorded count as one site, unless there are no others.
    """
    blocks: Counts[_Key] = Counter()
    sizes: Counts[_Key] = Counter()
    for owner, size in owned:
        frames = () if owner is None else from_site(owner.allocated)
        frame = frames[0] if frames else Frame(0)
        name = frame.function or (f"{frame.pc:#x}" if frame.pc else None)
        key = name, frame.file, frame.line
        blocks[key] += 1
        sizes[key] += size
    if set(blocks) == {_NOBODY}:
        return []
    return [LiveSite(*key, blocks[key], size) for key, size in sizes.most_common()]
