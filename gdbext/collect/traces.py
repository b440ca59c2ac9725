# SPDX-License-Identifier: Apache-2.0
"""Finds and reads the trace of a target: a given log, the recorder's ring, or the records of ESP-IDF or Zephyr."""

from __future__ import annotations

from argparse import Namespace
from typing import Any, Callable, Iterator, NamedTuple, Optional, Sequence, Tuple

from gdbext.collect.collected import Collected
from gdbext.heap.allocator import Named
from gdbext.heap.facts import HeapFacts
from gdbext.model.errors import UserError
from gdbext.model.events import Generation, Imported, TraceInfo
from gdbext.model.record import replace
from gdbext.model.region import Span
from gdbext.model.reports.base import Skipped
from gdbext.model.said import Said, Trouble, said
from gdbext.report.sentences import words
from gdbext.source.memory import Memory
from gdbext.symbols.shapes import Types
from gdbext.target.target import Target
from gdbext.trace import idf_heap_trace, zephyr_heaptrace
from gdbext.trace.format import HEADER_BYTES
from gdbext.trace.idf_task_stats import TASK_TRACKING, lists_of, read_owners
from gdbext.trace.ring import find_rings, read_before, read_ring, search_rings
from gdbext.trace.trace import Trace
from gdbext.trace.wish import Wish

_FIRST_LOOK = 4096
_SYMBOL = "memtrace_ring"
NODES = "the blocks' own backtraces"


class _Records(NamedTuple):
    """Records that a kernel keeps itself, and their reader."""

    source: str
    function: str  # linked if the kernel has them
    statics: Tuple[str, ...]  # the only sign of them without debug information
    described: Callable[[Types], Any]
    read: Callable[[Memory, Any], Trace]


_KEPT = (
    _Records(
        idf_heap_trace.SOURCE, idf_heap_trace.HEAP_TRACING, idf_heap_trace.STATICS, idf_heap_trace.books_of,
        idf_heap_trace.read_records,
    ),
    _Records(
        zephyr_heaptrace.SOURCE, zephyr_heaptrace.HEAPTRACE, (zephyr_heaptrace.RECORDS,), zephyr_heaptrace.table_of,
        zephyr_heaptrace.read_table,
    ),
)  # fmt: skip


class NoRing(UserError):
    """No ring is where one should be; `why` is the reason."""

    def __init__(self, why: Said) -> None:
        super().__init__(words(why))
        self.why = why


def read_trace(
    found: Collected, wanted: Namespace, span: Optional[Span], named: Callable[[], Named], wish: Wish
) -> None:
    """Reads the trace, or adds to `skipped` why there is none. `named` finds the heaps: the trace may lie in one.

    `wish` says what is needed of a log.
    """
    target = found.target
    if target.log is not None:
        found.trace = target.log.trace(wish)
        found.skipped += [Skipped("trace", problem) for problem in found.trace.problems]
        return
    unasked = wanted.ring is None and span is None
    try:
        _read_ring(found, ring_address(target, wanted, span, named))
    except NoRing as problem:
        if not unasked:
            raise
        found.skipped.append(Skipped("trace", problem.why))
    kept = (one for one in _KEPT if target.program.address_of(one.function) is not None)
    records = next(kept, None) if found.trace.header is None and unasked else None
    if records is not None:
        _read_records(found, named, records)


def read_trace_before(found: Collected, wanted: Namespace, span: Optional[Span], named: Callable[[], Named]) -> None:
    """Reads the trace of the run before, which outlived a reset. UserError if there is none."""
    if found.target.log is not None:
        raise UserError("--previous asks the ring of a target for the run before; this is a log")
    address = ring_address(found.target, wanted, span, named)
    if not address:
        raise NoRing(_no_ring(address))
    try:
        found.trace = read_before(found.memory, address)
    except Trouble as problem:
        raise NoRing(problem.why) from None
    _compare_builds(found)


def _no_ring(address: Optional[int]) -> Said:
    return said("no-ring-symbol") if address is None else said("ring-not-started")


def ring_address(target: Target, wanted: Namespace, span: Optional[Span], named: Callable[[], Named]) -> Optional[int]:
    """Returns the ring's address: from --search, --ring, or the symbol. None if there is no symbol.

    In a file it may also be the address that was saved with it, or the newest ring that a search for its magic finds.
    """
    if span is not None:
        return _search_ring(target, *span)
    if wanted.ring is not None:
        address = target.bytes.address(wanted.ring)
        target.bytes.memory().allow_named(address, address + HEADER_BYTES)
        return address
    symbol, saved = target.program.address_of(_SYMBOL), target.bytes.saved
    if symbol is None and not target.bytes.is_file:
        return None
    if symbol is not None:
        named()  # makes the heaps' memory known: the ring may lie in one
    ring = None if symbol is None else target.bytes.memory().word(symbol)
    if ring is None and saved is not None:
        ring = saved.ring
    if ring is None and target.bytes.is_file:
        ring = _newest_ring(target.bytes.memory())
    target.bytes.memory().require_whole()
    if ring is None and symbol is not None:
        raise NoRing(said("ring-pointer-unread", place=symbol))
    if ring is None:
        raise NoRing(said("no-ring-found"))
    return ring


def _search_ring(target: Target, start: int, end: int) -> int:
    memory = target.bytes.memory()
    memory.allow_named(start, end)
    memory.fetch(start, min(end - start, _FIRST_LOOK))  # this read measures the speed of the link
    if not memory.link.is_slow(end - start):  # else the reading itself says what it costs
        memory.progress.say(f"searching {end - start:,} bytes")
    memory.fetch(start, end - start)
    memory.require_whole()
    found = find_rings(memory.snapshot, start, end)
    if not found:
        raise NoRing(said("no-ring-between", start=start, end=end))
    if len(found) > 1:
        memory.remark(said("first-ring", rings=len(found), places=tuple(map(hex, found))))
    return found[0]


def _newest_ring(memory: Memory) -> Optional[int]:
    """Returns the newest ring that has its magic and a sound header. A remark names the others."""
    rings, copies = search_rings(memory)
    if not rings:
        for place, told in copies[:1]:
            memory.remark(said("ring-elsewhere", place=place, told=told))
        return None
    chosen = rings[0].address
    before = rings[0].previous  # --previous tells of it
    others = [header.address for header in rings[1:] if header.address != before]
    if others:
        memory.remark(said("newest-ring", rings=1 + len(others), place=chosen, others=tuple(map(hex, others))))
    return chosen


def _read_ring(found: Collected, address: Optional[int]) -> None:
    """Reads the ring at an address as the trace. If it cannot, adds the reason to `skipped`."""
    if not address:
        found.skipped.append(Skipped("trace", _no_ring(address)))
        return
    try:
        found.trace = read_ring(found.memory, address)
    except Trouble as problem:
        found.skipped.append(Skipped("trace", said("no-ring", place=address, why=problem.why)))
        return
    _compare_builds(found)


def _compare_builds(found: Collected) -> None:
    """Adds to `skipped` that the program loaded here is not the one that recorded, if that is so."""
    recorded = "" if found.trace.header is None else found.trace.header.build_id
    loaded = found.target.program.build_id()
    if loaded and recorded.strip("0") and loaded != recorded:
        found.skipped.append(Skipped("symbols", said("wrong-program")))


def _read_records(found: Collected, named: Callable[[], Named], kept: _Records) -> None:
    """Reads a kernel's own records as the trace. If it cannot, adds the reason to `skipped`."""
    program = found.target.program
    if program.address_of(_SYMBOL) is None:
        found.skipped.clear()  # our recorder is not linked: its ring is not missing
    described = kept.described(program)
    if described is None:
        linked = any(program.address_of(name) is not None for name in kept.statics)
        why = said("records-untyped") if linked else said("records-not-linked")
        found.skipped.append(Skipped("trace", said("of-source", source=kept.source, why=why)))
        return
    named()  # makes the heaps' memory known: the buffer may lie in one
    try:
        found.trace = kept.read(found.memory, described)
    except Trouble as problem:
        found.skipped.append(Skipped("trace", said("of-source", source=kept.source, why=problem.why)))
        return
    problems = (said("of-source", source=kept.source, why=problem) for problem in found.trace.problems)
    found.skipped += [Skipped("trace", problem) for problem in problems]


def with_task_lists(found: Collected) -> None:
    """Adds the owners in the lists of ESP-IDF's task tracking if there is no ring. They have no call stacks."""
    target = found.target
    if found.trace.header is not None or target.log is not None:
        return
    if target.program.address_of(TASK_TRACKING) is None or target.bytes.memory().fragile:
        return
    lists = lists_of(target.program)
    if lists is None:
        return
    told = read_owners(target.bytes.memory(), lists, lambda payload: _is_used(found.heaps, payload))
    found.skipped += [Skipped("tasks", said("of-task-stats", why=problem)) for problem in told.problems]
    found.trace = replace(found.trace, owners=told.owners, own=(*found.trace.own, *told.own))


def with_block_owners(found: Collected) -> None:
    """Makes the trace of what used blocks themselves keep of their allocation, if there is no other trace: NuttX keeps
    a call stack in each with MM_BACKTRACE.
    """
    if found.trace.info is not None or found.target.log is not None:
        return
    lives = [life for facts in found.heaps for life in _kept_by(facts)]
    depth = max((len(life.allocated) for life in lives), default=0)
    if not depth:
        return
    numbers = [life.seq for life in lives if life.seq is not None]
    imported = Imported(NODES, found.heaps[0].region.address, "leaks", None, depth, False, False)
    info = TraceInfo(
        len(lives), 0, min(numbers, default=None), max(numbers, default=None), True, imported=imported,
        address=found.heaps[0].region.address,
    )  # fmt: skip
    found.trace = replace(found.trace, info=info, lives=tuple(lives), lists_frees=False, proves_live=False)
    found.skipped = [skip for skip in found.skipped if skip.check != "trace"]  # a ring is not missing


def _kept_by(facts: HeapFacts) -> Iterator[Generation]:
    for raw, _ in facts.walk.used():
        stack = facts.guards.allocated(facts.snapshot, raw)
        if stack:
            task = facts.guards.owner_name(facts.snapshot, raw)
            yield Generation(facts.user(raw), None, task, facts.guards.sequence(facts.snapshot, raw), stack)


def _is_used(heaps: Sequence[HeapFacts], payload: int) -> bool:
    """Tells whether an address is a used block, as far as the heaps show."""
    here = [facts for facts in heaps if facts.start <= payload < facts.end]
    raws = [(facts, facts.raw(payload)) for facts in here]
    return all(facts.is_block(raw) and not facts.is_free(raw) for facts, raw in raws)
