# SPDX-License-Identifier: Apache-2.0
"""Makes a trace of a log of any size: what one command needs of it, in memory that depends on live blocks alone.

Approach: a replay reads the log once. What it kept becomes the trace's owners (live blocks, or all that held one
address) or its events (the last ones). So all commands that work on a trace work on a log, with the same words.
Rejected: all events as a trace (a log has more of them than memory has room for).
Cost: the replay's; a small object for each live block.
"""

from __future__ import annotations

from typing import Callable, Mapping, Optional, Tuple

from gdbext.model.events import Assertion, Event, Generation, HeapName, Imported, LogInfo, TraceInfo
from gdbext.model.profile import Owner, Profile
from gdbext.model.said import Said, said
from gdbext.trace.engine import AnyReplay, replay_of
from gdbext.trace.format import FIXED_CONTEXTS, KINDS, MEMORIES
from gdbext.trace.log import LogEvent
from gdbext.trace.log_definitions import NAME_CONTEXT
from gdbext.trace.opened import OURS, OpenedLog
from gdbext.trace.ring import message_of
from gdbext.trace.trace import Trace
from gdbext.trace.wish import Wish


def trace_of(log: OpenedLog, wish: Wish) -> Trace:
    """Returns the owners or events that are wished for. Raises Trouble or FileError if the log cannot be read."""
    replay, size, pieces = replay_of(wish), 0, 0
    for chunk in log.chunks():
        replay.feed(chunk)
        size, pieces = size + len(chunk), pieces + 1
    profile = replay.finish()
    told = _Told(log, profile)
    events = tuple(map(told.event, replay.tail())) if wish.tail else ()
    lives = () if wish.tail else _followed(replay, told) if wish.track is not None else _live(replay, told)
    marks = tuple((mark.seq, profile.names.get(mark.name, (0, ""))[1]) for mark in profile.marks)
    assertion = None
    if profile.failure is not None:
        seq, _, function, text = profile.failure
        assertion = Assertion(message_of(text), function, seq)
    heaps = {number: HeapName(name, MEMORIES[memory], more) for number, (name, memory, more) in profile.heaps.items()}
    info = info_of(log, profile, wish)
    problems = (*log.remarks(), *log.beside.notes, *log.lacks, *_lacks(profile))
    return Trace(
        info,
        events,
        lives,
        marks,
        assertion,
        problems=problems,
        heap_names=heaps,
        modules=tuple(profile.modules),
        read=(size, pieces),
    )


class _Told:
    """Says what the numbers of a profile mean."""

    def __init__(self, log: OpenedLog, profile: Profile) -> None:
        self._names = profile.names
        knows_contexts = any(kind == NAME_CONTEXT for kind, _ in profile.names.values())
        self._fixed: Mapping[int, str] = FIXED_CONTEXTS if knows_contexts else {}
        self._code: Callable[[int], int] = (lambda pc: pc) if log.header is None else log.header.code_address
        self._stacks = profile.stacks
        self.owners = profile.owners

    def stack(self, number: int) -> Tuple[int, ...]:
        return tuple(map(self._code, self._stacks.get(number, ())))

    def task(self, context: int) -> Optional[str]:
        return self._fixed.get(context) or self._names.get(context, (0, ""))[1] or None

    def module(self, tag: int) -> Optional[str]:
        return self._names.get(tag, (0, f"tag {tag}"))[1] if tag else None

    def event(self, event: LogEvent) -> Event:
        return Event(
            event.seq or 0,
            KINDS[event.kind],
            event.address,
            event.size,
            event.heap,
            event.context,
            self.task(event.context),
            event.tag,
            event.core,
            event.time,
            self.stack(event.stack),
            event.link,
            self.module(event.tag),
        )

    def begun(self, address: int, size: Optional[int], seq: Optional[int], owner: Optional[Owner]) -> Generation:
        """Returns a life that has not ended."""
        if owner is None:
            return Generation(address, size, None, seq, ())
        task, stack, module = self.task(owner.context), self.stack(owner.stack), self.module(owner.tag)
        return Generation(address, size, task, seq, stack, heap=owner.heap, module=module)


def _live(replay: AnyReplay, told: _Told) -> Tuple[Generation, ...]:
    return tuple([told.begun(one.address, one.size, one.seq, told.owners[one.owner]) for one in replay.live()])


def _followed(replay: AnyReplay, told: _Told) -> Tuple[Generation, ...]:
    """Returns all that held the address that was followed, oldest first."""
    lives = []
    for past in reversed(replay.past()):
        life = told.begun(past.address, past.size, past.seq, None if past.owner < 0 else told.owners[past.owner])
        if past.freed_owner is not None:
            fields = {**vars(life), "freed_seq": past.freed_seq, "freed": told.stack(past.freed_owner.stack)}
            life = Generation(**{**fields, "freed_task": told.task(past.freed_owner.context)})
        lives.append(life)
    return tuple(lives)


def info_of(log: OpenedLog, profile: Profile, wish: Wish) -> TraceInfo:
    """Returns what a log holds and lost."""
    totals, imported, source = profile.totals, None, log.format
    if source != OURS:
        depth = max(map(len, profile.stacks.values()), default=0)
        lists_alone = not totals.allocations and totals.live_blocks > 0
        mode = "leaks" if lists_alone else "all"
        imported = Imported(source, 0, mode, None, depth, False, True, log.has_addresses)
    return TraceInfo(
        totals.events if imported is None else max(totals.events, totals.live_blocks),
        totals.lost,
        totals.first_seq,
        totals.last_seq,
        running=profile.failure is None,
        imported=imported,
        log=LogInfo(source, profile.runs, str(wish.run), totals.unread),
    )


def _lacks(profile: Profile) -> Tuple[Said, ...]:
    """Returns what the log lacks, as sentences."""
    lacks = []
    if profile.totals.unread:
        lacks.append(said("log-unread", records=profile.totals.unread))
    if profile.totals.lost:
        lacks.append(said("log-lost", events=profile.totals.lost))
    return tuple(lacks)
