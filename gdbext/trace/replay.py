# SPDX-License-Identifier: Apache-2.0
"""Replays a log, or a ring, into a profile: the reference of the engine in C, and what GDB uses.

Approach: one pass that keeps what is live, and counters. model/profile.py says what counts as what; both replays keep
to it, and a test compares them. In addition, so that both agree:

- An allocation, LIVE or free of address 0 is an event, and nothing else. So is an allocation of 2^42 bytes or more,
  which counts as unread. A LIVE of what is live is passed over.
- A block has the stack of its realloc-begin, and all else of its realloc-end.
- A block that is outside `least` to `most` is treated like one that was allocated before `since`.
- `until` a mark means the first one behind `since`. The events of both marks are
  left out, those of the numbers and times are not.
- The times of a run begin, on the timeline, where those of the run before have ended. There they never fall.
- A stack, context or tag whose number means something else than before gets a number of its own, from 2^32 on.
- A MAP that meets other ranges cuts them. An UNMAP's free is that of the lowest range which counts. Where 65,536 ranges
  are mapped, a further one, or the second part of one that is split, is passed over and counts as unread.

Rejected: classes for kinds of events (each has three lines to say).
Cost: some 5 microseconds for each event.
"""

from __future__ import annotations

from collections import deque
from types import MappingProxyType
from typing import (
    Deque,
    Dict,
    Generic,
    Iterable,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Protocol,
    Sequence,
    Tuple,
    TypeVar,
    Union,
)

from gdbext.model.profile import Live, Mark, Oddity, Owner, Past, Process, Profile, Totals
from gdbext.model.record import Record, replace
from gdbext.trace.format import ANEW, Header, begins_anew
from gdbext.trace.log import (
    ALLOC,
    ALLOC_FAILED,
    ASSERT,
    CONTROL,
    FREE,
    LIVE,
    MAP,
    MARK,
    REALLOC_BEGIN,
    REALLOC_END,
    UNMAP,
    LogEvent,
    LogReader,
)
from gdbext.trace.ranges import END_OF_MEMORY, MOST_RANGES, Range, Ranges
from gdbext.trace.sums import Ends, Sums, Timeline
from gdbext.trace.wish import Moment as Moment
from gdbext.trace.wish import Stack as Stack
from gdbext.trace.wish import TailFilter as TailFilter
from gdbext.trace.wish import Wish as Wish

_Meaning = TypeVar("_Meaning")

_NAMED_MARK = 2  # the kind of a mark's name
_RENAMED = 1 << 32  # numbers from here on are none of the log's
_PLACES = 4096
_HASH = 0x9E3779B97F4A7C15
_MOST_BEGUN = 4096
_MOST_SIZE = 1 << 42  # of a block
_MOST_OWNERS = (1 << 22) - 1
MOST_ODDITIES = 64
_MOST_SEARCHES = 64
_MOST_MARKS = 4096
_MOST_PAST = 1000
_EVENTS_IN_WINDOW = 64
_LATEST = (1 << 64) - 1
_COUNTED = (
    "events", "failed", "double_frees", "interior_frees", "unknown_frees", "older", "replaced", "marks_left",
    "restarts",
)  # fmt: skip


class Told(Record):
    """What is known beside the events. A LogReader has these, too."""

    stacks: Mapping[int, Stack] = MappingProxyType({})
    names: Mapping[int, Tuple[int, str]] = MappingProxyType({})
    tags: Mapping[int, Tuple[int, str]] = MappingProxyType({})
    heaps: Mapping[int, Tuple[str, int, int]] = MappingProxyType({})
    modules: Sequence[Tuple[int, str, str]] = ()
    counts: Tuple[int, ...] = ()
    failure: Optional[Tuple[str, str]] = None
    process: Optional[Process] = None
    lost: int = 0
    unread: int = 0


class Start(Protocol):
    """What a replay must know of the beginning of a run. A Header does."""

    @property
    def tick_hz(self) -> int:
        """Time units a second; 0: there is no clock."""

    def code_address(self, pc: int) -> int:
        """Returns the code address that a recorded PC stands for."""


class Block(NamedTuple):
    """A live block. `owner` is None if it does not count."""

    address: int
    size: int
    owner: Optional[int]
    seq: Optional[int]
    time: Optional[int]
    moment: int


class Freed(NamedTuple):
    """What a free, or the begin of a reallocation, has ended and counted."""

    stack: int
    block: Optional[Block] = None
    older: int = 0
    temporary: int = 0
    lifetime: int = 0


_NEVER = Freed(0)  # a begin that is not known


class _Life:
    """A life of the address that is followed. It is open as long as its block is live."""

    def __init__(self, past: Past, mapped: bool) -> None:
        self.past, self.mapped, self.is_open = past, mapped, past.freed_seq is None


class _Meanings(Generic[_Meaning]):
    """Numbers that stand for one thing each, made of numbers whose meaning changes."""

    def __init__(self) -> None:
        self.meant: Dict[int, _Meaning] = {}
        self._numbers: Dict[_Meaning, int] = {}

    def number(self, number: int, meaning: Optional[_Meaning]) -> int:
        """Returns the number of a meaning. None: it was not told."""
        if meaning is None or self.meant.get(number) == meaning:
            return number
        if meaning not in self._numbers:
            own = number if number not in self.meant else _RENAMED + len(self.meant)
            self._numbers[meaning] = own
            self.meant[own] = meaning
        return self._numbers[meaning]


class Replay:
    """Takes a log piece by piece, or the events of anything else one by one, and returns what they have added up to.

    `told` knows what is known beside the events. Without it, feed() keeps what the log says.
    """

    def __init__(self, wish: Wish, told: Optional[Told] = None) -> None:
        self._wish = wish
        self._reader = LogReader()
        self._told: Union[Told, LogReader] = self._reader if told is None else told
        self._runs = 0
        self._ended = Told()  # what the wanted run has told, when another one follows
        self._is_wanted = False
        self._handlers = {
            ALLOC: self._allocate,
            FREE: self._free,
            REALLOC_BEGIN: self._begin_realloc,
            REALLOC_END: self._end_realloc,
            ALLOC_FAILED: self._fail,
            MARK: self._mark,
            ASSERT: self._assert,
            CONTROL: self._control,
            MAP: self._map,
            UNMAP: self._unmap,
        }
        self._start_profile()
        self._start_run()

    def feed(self, data: bytes) -> None:
        """Takes the next bytes of a log, cut anywhere. Raises Trouble if it is none."""
        self._take(self._reader.feed(data))

    def _take(self, items: Iterable[Union[LogEvent, Header]]) -> None:
        for item in items:
            if isinstance(item, Header):
                self.begin(item)
            else:
                self.event(item)

    def _start_profile(self) -> None:
        self._sums, self._timeline = Sums(), Timeline()
        self._by_mark, self._by_time = Ends(1), Ends(_EVENTS_IN_WINDOW)
        self._counts = dict.fromkeys(_COUNTED, 0)
        self._first: Optional[LogEvent] = None
        self._last: Optional[LogEvent] = None
        self._owners: List[Owner] = []
        self._owner_of: Dict[Tuple[int, int, int, int], Optional[int]] = {}
        self._passing: Dict[Owner, bool] = {}
        self._stacks: _Meanings[Stack] = _Meanings()
        self._names: _Meanings[Tuple[int, str]] = _Meanings()
        self._marks: List[Mark] = []
        self._failed_at: Optional[LogEvent] = None
        self._oddities: List[Oddity] = []
        self._searches = 0
        self._past: Deque[_Life] = deque(maxlen=_MOST_PAST)
        self._tail: Deque[LogEvent] = deque(maxlen=self._wish.tail)
        self._is_counting, self._is_over = self._wish.since is None, False
        self._base = self._latest = 0  # moments of the timeline
        self._lost_before, self._unread_before, self._unread = self._reader.lost, self._reader.unread, 0

    def _start_run(self) -> None:
        self._forget_live()
        self._begun: Dict[int, Freed] = {}
        self._is_restarted = False
        self._moment = self._in_run = 0

    def _forget_live(self) -> None:
        self._live: Dict[int, Block] = {}
        self._ranges = Ranges()
        self._places: List[Tuple[int, Optional[int]]] = [(0, None)] * _PLACES
        self._newest = 0

    def begin(self, header: Start) -> None:
        """Begins a run. A ring is one."""
        self._runs += 1
        wanted = self._wish.run
        if self._is_wanted and wanted != "all":
            kept = {
                name: getattr(self._reader.ended, name) for name in ("heaps", "modules", "counts", "failure", "process")
            }
            self._ended = Told(lost=self._reader.lost, unread=self._reader.unread, **kept)
        self._is_wanted = wanted in ("last", "all", self._runs)
        if not self._is_wanted:
            return
        if wanted == "all" and self._runs > 1:
            self._sums.forget_live()
        else:
            self._start_profile()
        self._start_run()
        self._base = self._latest
        self._has_clock, self._code_address = header.tick_hz != 0, header.code_address

    def event(self, event: LogEvent) -> None:
        """Takes the next event of a run."""
        if not self._is_wanted or self._is_over:
            return
        if event.kind == LIVE:
            self._take_older(event)
            return
        self._is_over = self._is_behind(event)
        if self._is_over:
            return
        if event.kind == REALLOC_END:
            event = event._replace(stack=self._begun.get(-1 if event.link is None else event.link, _NEVER).stack)
        self._is_counting = self._is_counting or self._is_since(event)
        self._pass_time(event)
        if self._is_counting:
            self._count(event)
        if event.kind in self._handlers:
            self._handlers[event.kind](event)
        if self._is_counting:
            self._note(event)
        elif self._wish.since is not None and self._is_mark(event, self._wish.since):
            self._is_counting = True

    def _is_behind(self, event: LogEvent) -> bool:
        if self._wish.until is None:
            return False
        value = {"seq": event.seq, "time": event.time}.get(self._wish.until[0])
        if value is not None and isinstance(self._wish.until[1], int):
            return value > self._wish.until[1]
        return self._is_counting and self._is_mark(event, self._wish.until)

    def _is_since(self, event: LogEvent) -> bool:
        if self._wish.since is None:
            return True
        value = {"seq": event.seq, "time": event.time}.get(self._wish.since[0])
        return value is not None and isinstance(self._wish.since[1], int) and value >= self._wish.since[1]

    def _is_mark(self, event: LogEvent, moment: Moment) -> bool:
        named = (_NAMED_MARK, moment[1])
        return event.kind == MARK and moment[0] == "mark" and self._told.names.get(event.address) == named

    def _pass_time(self, event: LogEvent) -> None:
        self._in_run += 1
        if not self._has_clock:
            self._moment = self._in_run
        elif event.time is not None:
            self._moment = event.time
        self._latest = max(self._latest, min(self._base + self._moment, _LATEST))

    def _count(self, event: LogEvent) -> None:
        """Counts an event before it is replayed."""
        if self._first is None:
            self._first = event
            for ends in (self._by_mark, self._by_time):
                ends.begin(_moment_of(event), self._sums)
        self._last = event
        self._counts["events"] += 1

    def _note(self, event: LogEvent) -> None:
        """Notes what there is after an event."""
        self._by_time.count(self._counts["events"], _moment_of(event), self._sums)
        self._timeline.count(self._latest, self._sums.total)
        if self._wish.tail:
            named = self._owner_named(event)
            if self._passes(event, named):
                self._tail.append(event._replace(stack=named.stack, context=named.context, tag=named.tag))

    def _passes(self, event: LogEvent, owner: Owner) -> bool:
        wanted = self._wish.tail_filter
        if (
            (wanted.kinds is not None and event.kind not in wanted.kinds)
            or not _is_within(event.size, wanted.least, wanted.most)
            or not _is_within(event.address, wanted.low, wanted.high)
            or not _is_within(event.seq or 0, wanted.first, wanted.last)
        ):
            return False
        if wanted.owner is None:
            return True
        if owner not in self._passing:
            self._passing[owner] = wanted.owner(owner, self._code_of(owner))
        return self._passing[owner]

    def _owner_named(self, event: LogEvent) -> Owner:
        names = self._told.names
        return Owner(
            self._stacks.number(event.stack, self._told.stacks.get(event.stack)),
            self._names.number(event.context, names.get(event.context)),
            self._names.number(event.tag, self._told.tags.get(event.tag)),
            event.heap,
        )

    def _code_of(self, owner: Owner) -> Stack:
        return tuple(map(self._code_address, self._stacks.meant.get(owner.stack, ())))

    def _owner(self, event: LogEvent) -> Optional[int]:
        """Returns the owner of an event. None if it does not count."""
        named = self._owner_named(event)
        key = (named.stack, named.context, named.tag, named.heap)
        if key not in self._owner_of and len(self._owner_of) >= _MOST_OWNERS:
            self._unread += 1
            return None
        if key not in self._owner_of:
            group = self._wish.group
            nodes = () if group is None else group(named, self._code_of(named))
            self._owner_of[key] = None if nodes is None else self._sums.add_owner(tuple(nodes))
            if nodes is not None:
                self._owners.append(named)
        return self._owner_of[key]

    def _owner_if_counted(self, event: LogEvent) -> Optional[int]:
        counts = self._is_counting and _is_within(event.size, self._wish.least, self._wish.most)
        return self._owner(event) if counts else None

    def _take_older(self, event: LogEvent) -> None:
        if self._is_no_block(event) or event.address in self._live:
            return
        owner = self._owner_if_counted(event)
        self._live[event.address] = Block(event.address, event.size, owner, None, None, 0)
        if owner is not None:
            self._sums.change(owner, event.size, 1, None, None)
        self._begin_life(event.address, event.size, owner, event)

    def _is_no_block(self, event: LogEvent) -> bool:
        self._unread += event.size >= _MOST_SIZE
        return not event.address or event.size >= _MOST_SIZE

    def _allocate(self, event: LogEvent) -> None:
        if self._is_no_block(event):
            return
        owner = self._owner_if_counted(event)
        old = self._live.pop(event.address, None)
        if old is not None:
            self._replaced(event, old)
        block = Block(event.address, event.size, owner, event.seq, event.time, self._moment)
        self._live[event.address] = block
        self._newest = event.address
        if owner is not None:
            self._add(owner, event)
        self._begin_life(event.address, event.size, owner, event)

    def _add(self, owner: int, event: LogEvent) -> None:
        for counter in (self._sums.counters[owner], self._sums.total):
            counter.allocations += 1
            counter.bytes += event.size
        self._sums.change(owner, event.size, 1, event.seq, event.time)

    def _replaced(self, event: LogEvent, old: Block) -> None:
        if self._is_counting:
            self._counts["replaced"] += 1
            self._note_oddity("replaced", event, old.owner)
        if old.owner is not None:
            self._sums.change(old.owner, -old.size, -1, event.seq, event.time)
        life = self._open_life(old.address, mapped=False)
        if life is not None:
            life.is_open = False

    def _free(self, event: LogEvent) -> Freed:
        address = event.address
        block = self._live.pop(address, None)
        if block is None:
            if address:
                self._free_of_none(event)
            return Freed(event.stack)
        self._places[_place_of(address)] = (address, block.owner)
        self._end_life(address, event, mapped=False)
        if block.owner is None:
            older = int(self._is_counting)
            self._counts["older"] += older
            return Freed(event.stack, block, older)
        lifetime = 0 if block.seq is None else max(0, self._moment - block.moment)
        freed = Freed(event.stack, block, 0, int(self._newest == address), lifetime)
        self._sum_freed(freed, block.owner, 1)
        self._sums.change(block.owner, -block.size, -1, event.seq, event.time)
        return freed

    def _sum_freed(self, freed: Freed, owner: int, times: int) -> None:
        for counter in (self._sums.counters[owner], self._sums.total):
            counter.frees += times
            counter.temporary += times * freed.temporary
            counter.lifetime += times * freed.lifetime

    def _free_of_none(self, event: LogEvent) -> None:
        """Judges a free of what is not live."""
        address, place = event.address, _place_of(event.address)
        freed, owner = self._places[place]
        if address == self._wish.track:
            self._past.append(_Life(Past(address, None, -1, None, None, event.seq, self._owner_named(event)), False))
        if freed != address:
            self._places[place] = (address, None)
        if not self._is_counting:
            return
        kind = "double" if freed == address else "unknown"
        if kind == "unknown" and self._is_restarted:
            self._counts["older"] += 1
            return
        if kind == "unknown" and self._searches < _MOST_SEARCHES:
            self._searches += 1
            around = [block for block in self._live.values() if block.address < address < block.address + block.size]
            if around:
                kind, owner = "interior", max(around).owner
        self._counts[f"{kind}_frees"] += 1
        self._note_oddity(kind, event, None if kind == "unknown" else owner)

    def _note_oddity(self, kind: str, event: LogEvent, block: Optional[int]) -> None:
        """Keeps the first 64 of unknown frees, and of all others: at the end it may turn out that none is unknown."""
        same = sum((oddity.kind == "unknown") == (kind == "unknown") for oddity in self._oddities)
        if same < MOST_ODDITIES:
            self._oddities.append(Oddity(kind, event.seq or 0, event.address, self._owner_named(event), block))

    def _begin_realloc(self, event: LogEvent) -> None:
        self._begun[event.seq or 0] = self._free(event)
        if len(self._begun) > _MOST_BEGUN:
            del self._begun[next(iter(self._begun))]

    def _end_realloc(self, event: LogEvent) -> None:
        freed = None if event.link is None else self._begun.pop(event.link, None)
        if event.address:
            self._allocate(event)
            return
        self._counts["failed"] += self._is_counting
        if freed is not None and freed.block is not None and freed.block.address not in self._live:
            self._undo(freed, freed.block, event)

    def _undo(self, freed: Freed, block: Block, event: LogEvent) -> None:
        self._live[block.address] = block
        self._counts["older"] -= freed.older
        if block.owner is not None:
            self._sum_freed(freed, block.owner, -1)
            self._sums.change(block.owner, block.size, 1, event.seq, event.time)
        for life in reversed(self._past):
            if life.past.address == block.address and life.past.freed_seq == event.link and not life.mapped:
                life.past, life.is_open = replace(life.past, freed_seq=None, freed_owner=None), True
                return

    def _fail(self, _: LogEvent) -> None:
        self._counts["failed"] += self._is_counting

    def _mark(self, event: LogEvent) -> None:
        if not self._is_counting:
            return
        mark = _moment_of(event, self._names.number(event.address, self._told.names.get(event.address)))
        self._by_mark.count(self._counts["events"], mark, self._sums)
        if len(self._marks) < _MOST_MARKS:
            self._marks.append(mark)
        else:
            self._counts["marks_left"] += 1

    def _assert(self, event: LogEvent) -> None:
        if self._is_counting:
            self._failed_at = event

    def _control(self, event: LogEvent) -> None:
        if event.address != ANEW and begins_anew(event.address):
            self._sums.forget_live()
            self._forget_live()
            self._is_restarted = True
            self._counts["restarts"] += 1

    def _map(self, event: LogEvent) -> None:
        start, end = event.address, min(event.address + event.size, END_OF_MEMORY)
        if start == end:
            return
        owner = self._owner_if_counted(event)
        self._cut(event, start, end)
        if len(self._ranges) >= MOST_RANGES:
            self._unread += 1
            return
        self._ranges.add(Range(start, end, owner, event.seq or 0, event.time, self._moment))
        self._newest = 0
        if owner is not None:
            self._add(owner, event._replace(size=end - start))
        self._begin_life(start, end - start, owner, event)

    def _unmap(self, event: LogEvent) -> None:
        start, end = event.address, min(event.address + event.size, END_OF_MEMORY)
        met = self._cut(event, start, end) if start < end else []
        for one in met:
            if one.owner is not None:
                freed = Freed(event.stack, lifetime=max(0, self._moment - one.moment))
                self._sum_freed(freed, one.owner, 1)
                return
        self._counts["older"] += bool(met) and self._is_counting

    def _cut(self, event: LogEvent, start: int, end: int) -> List[Range]:
        """Takes a range out of what is mapped. Returns what it has met."""
        met = self._ranges.cut(start, end)
        for one, pieces in met:
            self._left_over(one, pieces, event)
        self._unread += self._ranges.left_out
        self._ranges.left_out = 0
        if self._wish.track is not None and any(
            max(start, one.start) <= self._wish.track < min(end, one.end) for one, _ in met
        ):
            self._end_life(None, event, mapped=True)
        return [one for one, _ in met]

    def _left_over(self, one: Range, pieces: Sequence[Range], event: LogEvent) -> None:
        """Counts what is left of a range."""
        if one.owner is not None:
            left = sum(piece.end - piece.start for piece in pieces)
            self._sums.change(one.owner, left - (one.end - one.start), len(pieces) - 1, event.seq, event.time)

    def _begin_life(self, address: int, size: int, owner: Optional[int], event: LogEvent) -> None:
        track = self._wish.track
        if track is not None and address <= track < address + max(size, 1):
            past = Past(address, size, -1 if owner is None else owner, event.seq, event.time, None, None)
            self._past.append(_Life(past, event.kind == MAP))

    def _open_life(self, address: Optional[int], mapped: bool) -> Optional[_Life]:
        lives = (life for life in reversed(self._past) if life.is_open and life.mapped == mapped)
        return next((life for life in lives if address in (None, life.past.address)), None)

    def _end_life(self, address: Optional[int], event: LogEvent, mapped: bool) -> None:
        life = self._open_life(address, mapped)
        if life is not None:
            freed_owner = self._owner_named(event)
            life.past, life.is_open = replace(life.past, freed_seq=event.seq, freed_owner=freed_owner), False

    def finish(self) -> Profile:
        """Returns the profile, when the log or the events are at their end."""
        if self._told is self._reader:
            self._take(self._reader.finish())
        return self.so_far()

    def so_far(self) -> Profile:
        """Returns the profile of what has been taken, without the events of streams that wait for others."""
        told = self._told if self._is_wanted else self._ended
        lost, unread = told.lost - self._lost_before, told.unread - self._unread_before + self._unread
        last = _moment_of(self._last) if self._last is not None else Mark(0, None, 0)
        events = self._counts["events"]
        uses = self._sums.uses()
        return Profile(
            totals=self._totals(lost, unread),
            owners=tuple(self._owners),
            uses=uses,
            nodes=self._sums.nodes(),
            stacks=dict(self._stacks.meant),
            names=dict(self._names.meant),
            heaps=dict(told.heaps),
            modules=tuple(told.modules),
            marks=tuple(self._marks),
            marks_left=self._counts["marks_left"],
            by_mark=self._by_mark.windows(events, last, self._sums),
            by_time=self._by_time.windows(events, last, self._sums),
            timeline=self._timeline.buckets(),
            counts=told.counts,
            failure=self._failure(told.failure),
            oddities=tuple(
                [one for one in self._oddities if not ((lost or unread) and one.kind == "unknown")][:MOST_ODDITIES]
            ),
            runs=self._runs,
            process=told.process,
        )

    def _totals(self, lost: int, unread: int) -> Totals:
        total, counts = self._sums.total, dict(self._counts)
        if lost or unread:  # what is unknown may be older than the log, or of what is not there
            counts["older"], counts["unknown_frees"] = counts["older"] + counts["unknown_frees"], 0
        del counts["marks_left"]
        return Totals(
            **counts,
            allocations=total.allocations,
            frees=total.frees,
            bytes_allocated=total.bytes,
            temporary=total.temporary,
            live_bytes=total.live_bytes,
            live_blocks=total.live_blocks,
            peak_bytes=total.peak_bytes,
            peak_blocks=total.peak_blocks,
            at_peak_blocks=total.at_peak_blocks,
            peak_seq=self._sums.peak_moment[0],
            peak_time=self._sums.peak_moment[1],
            lost=lost,
            unread=unread,
            first_seq=self._first.seq if self._first else None,
            last_seq=self._last.seq if self._last else None,
            first_time=self._first.time if self._first else None,
            last_time=self._last.time if self._last else None,
        )

    def _failure(self, told: Optional[Tuple[str, str]]) -> Optional[Tuple[int, int, str, str]]:
        if self._failed_at is None:
            return None
        return (self._failed_at.seq or 0, self._failed_at.size, *(told or ("", "")))

    def live(self) -> List[Live]:
        """Returns the blocks and ranges that are live at the end and count, by address."""
        blocks = [
            Live(block.address, block.size, block.owner, block.seq, block.time)
            for block in self._live.values()
            if block.owner is not None
        ]
        blocks += [
            Live(one.start, one.end - one.start, one.owner, one.seq, one.time, True)
            for one in self._ranges
            if one.owner is not None
        ]
        return sorted(blocks, key=lambda block: (block.address, block.mapped))

    def name_of(self, number: int) -> Optional[Tuple[int, str]]:
        """Returns what a number of an owner's context or tag means, with its kind, also while `group` is asked."""
        return self._names.meant.get(number)

    def past(self) -> List[Past]:
        """Returns the lives of the address that was followed, newest first."""
        return [life.past for life in reversed(self._past)]

    def tail(self) -> List[LogEvent]:
        """Returns the last events that pass the filter, oldest first."""
        return list(self._tail)


def _is_within(value: int, least: int, most: Optional[int]) -> bool:
    return least <= value and (most is None or value <= most)


def _place_of(address: int) -> int:
    return ((address >> 4) * _HASH & _LATEST) >> 52


def _moment_of(event: LogEvent, name: int = 0) -> Mark:
    return Mark(event.seq or 0, event.time, name)
