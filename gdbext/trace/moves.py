# SPDX-License-Identifier: Apache-2.0
"""Replays a log into the births and ends of its blocks, for forms that other tools read event by event.

Approach: the reference replay, which decides what counts, and notes of what it counts. So the sums over the moves are
those of a report with the same wish. The end that the begin of a reallocation is waits for the reallocation's own end,
which may undo it; what follows waits behind it.
Where an UNMAP leaves a part of a range, the range ends and its parts are born: a form of blocks has no other words.
Rejected: moves made of raw events (each filter would be there twice).
Cost: some 15 microseconds for each event. Memory: the replay's, and at most 65,536 moves that wait.
"""

from __future__ import annotations

from collections import deque
from typing import Deque, Dict, Iterable, Iterator, Optional, Sequence

from gdbext.model.record import replace
from gdbext.model.reports.export import Move
from gdbext.trace.log import LogEvent
from gdbext.trace.ranges import Range
from gdbext.trace.replay import Block, Freed, Replay, Told
from gdbext.trace.wish import Wish

_MOST_WAITING = 1 << 16


class _Noted:
    """A move, and whether it still waits, or did not happen."""

    __slots__ = ("is_void", "move", "waits")

    def __init__(self, move: Move) -> None:
        self.move, self.waits, self.is_void = move, False, False


class MoveReplay(Replay):
    """A replay that notes moves. Take what has settled after each piece."""

    def __init__(self, wish: Wish, told: Optional[Told] = None) -> None:
        self._noted: Deque[_Noted] = deque()
        self._begun_moves: Dict[int, _Noted] = {}  # by the number of a reallocation's begin
        group = wish.group
        # Which owners count is asked; the peaks of nodes are not.
        counts = group and (lambda owner, code: None if group(owner, code) is None else ())
        super().__init__(replace(wish, group=counts), told)

    def settled(self, at_end: bool = False) -> Iterator[Move]:
        """Yields the moves that nothing can change any more. `at_end`: all."""
        noted = self._noted
        while noted and (at_end or not noted[0].waits or len(noted) > _MOST_WAITING):
            one = noted.popleft()
            if not one.is_void:
                yield one.move

    def _note_born(self, owner: Optional[int], address: int, size: int, event: LogEvent) -> None:
        if owner is not None:
            self._noted.append(_Noted(Move(True, address, size, owner, event.seq, event.time)))

    def _note_end(self, owner: Optional[int], address: int, size: int, event: LogEvent) -> None:
        if owner is not None:
            self._noted.append(_Noted(Move(False, address, size, owner, event.seq, event.time)))

    def _take_older(self, event: LogEvent) -> None:
        before = len(self._live)
        super()._take_older(event)
        if len(self._live) > before:
            self._note_born(self._live[event.address].owner, event.address, event.size, event)

    def _add(self, owner: int, event: LogEvent) -> None:
        super()._add(owner, event)
        self._note_born(owner, event.address, event.size, event)

    def _replaced(self, event: LogEvent, old: Block) -> None:
        super()._replaced(event, old)
        self._note_end(old.owner, old.address, old.size, event)

    def _free(self, event: LogEvent) -> Freed:
        freed = super()._free(event)
        if freed.block is not None:
            self._note_end(freed.block.owner, freed.block.address, freed.block.size, event)
        return freed

    def _begin_realloc(self, event: LogEvent) -> None:
        super()._begin_realloc(event)
        freed = self._begun[event.seq or 0]
        if freed.block is not None and freed.block.owner is not None:
            self._noted[-1].waits = True
            self._begun_moves[event.seq or 0] = self._noted[-1]
        for number in [number for number in list(self._begun_moves)[:1] if number not in self._begun]:
            self._begun_moves.pop(number).waits = False

    def _end_realloc(self, event: LogEvent) -> None:
        noted = None if event.link is None else self._begun_moves.pop(event.link, None)
        if noted is not None:
            noted.waits = False
        live = len(self._live)
        super()._end_realloc(event)
        if noted is not None and not event.address and len(self._live) > live:
            noted.is_void = True

    def _control(self, event: LogEvent) -> None:
        lived = [(block.owner, block.address, block.size) for block in self._live.values()]
        lived += [(one.owner, one.start, one.end - one.start) for one in self._ranges]
        restarts = self._counts["restarts"]
        super()._control(event)
        if self._counts["restarts"] > restarts:
            for owner, address, size in lived:
                self._note_end(owner, address, size, event)

    def _left_over(self, one: Range, pieces: Sequence[Range], event: LogEvent) -> None:
        super()._left_over(one, pieces, event)
        self._note_end(one.owner, one.start, one.end - one.start, event)
        for piece in pieces:
            self._note_born(piece.owner, piece.start, piece.end - piece.start, event)


def moves_in(replay: MoveReplay, chunks: Iterable[bytes]) -> Iterator[Move]:
    """Yields the moves of a log."""
    for chunk in chunks:
        replay.feed(chunk)
        yield from replay.settled()
    replay.finish()
    yield from replay.settled(at_end=True)


def moves_of(replay: MoveReplay, events: Iterable[LogEvent]) -> Iterator[Move]:
    """Yields the moves of events. The replay has begun its run."""
    for event in events:
        replay.event(event)
        yield from replay.settled()
    yield from replay.settled(at_end=True)
