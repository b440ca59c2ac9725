# SPDX-License-Identifier: Apache-2.0
"""The byte pools of ThreadX (Azure RTOS, Eclipse ThreadX), and how they are found.

Approach: the kernel links all its pools in a ring, to which a symbol leads. In bare memory a pool shows itself by the
word BYTE and an end block that leads back to it.
Rejected: following the ring in one direction only (one bad pointer would hide pools).
Cost: a control block and an end block for each pool; a search is one pass of the C library for 4 or 8 bytes.
"""

from __future__ import annotations

from typing import Dict, Iterator, List, Optional, Sequence, Union

from gdbext.heap.allocator import (
    BY_SIGNATURE,
    DECISIVE,
    Allocator,
    Body,
    FoundHeap,
    Named,
    Recognised,
    Unreadable,
    spans_of,
)
from gdbext.heap.cover import Evidence
from gdbext.heap.facts import Counters, HeapFacts
from gdbext.heap.geometry import Geometry, narrowed
from gdbext.heap.threadx_pool.control import POOL_ID, Control, beside, controls, id_bytes, name_of
from gdbext.heap.threadx_pool.layout import PoolLayout, recognise_pool, walk_pool
from gdbext.heap.threadx_pool.rules import RULES
from gdbext.heap.tries import Tries
from gdbext.heap.walk import Walk
from gdbext.model.region import Region, Span
from gdbext.model.said import Said, Text, said
from gdbext.source.memory import Memory
from gdbext.source.snapshot import Snapshot, WordReader, places_of
from gdbext.symbols.shapes import Program

_KIND = "threadx_pool"
_CREATED = "_tx_byte_pool_created_ptr"
_MOST_POOLS = 1024
_MOST_CANDIDATES = 256
_ORIGIN = said("threadx-created")


class _BytePool(Allocator):
    """TX_BYTE_POOL."""

    kind = _KIND
    rules = RULES
    locks = "threads"

    def recognise(self, memory: Memory, region: Region) -> Union[Recognised, Unreadable]:
        """Recognises a control block, with an end block that leads back or where its kind is given."""
        layout = recognise_pool(memory, region.address, region.kind == self.kind)
        if layout is None:
            return Unreadable(region, "unreadable", said("threadx-none", place=region.address))
        counters = Counters(layout.pool["available"], None, (), layout.pool["size"])
        return Recognised(self, layout, counters, DECISIVE, certain=layout.ended)

    def walk(self, layout: Geometry, read: WordReader, evidence: Evidence) -> Walk:
        """Returns the blocks."""
        return walk_pool(narrowed(layout, PoolLayout), read, evidence)

    def evidence(self, facts: HeapFacts) -> Iterator[Said]:
        """Tells whether the end block was there."""
        yield said("threadx-id") if narrowed(facts.layout, PoolLayout).ended else said("threadx-no-end")


def find_named(memory: Memory, program: Program) -> Named:
    """Returns every pool in the ring of created pools."""
    head = program.address_of(_CREATED)
    first = None if head is None else memory.word(head)
    if head is None or first is None:
        return Named([], [] if head is None else [said("root-unreadable", name=_CREATED, place=head)])
    if not first:
        return Named([], [said("threadx-no-pools")])
    found: Dict[int, Region] = {}
    wrong = _follow(memory, first, "created_next", found)
    if wrong is not None:
        _follow(memory, first, "created_previous", found)
    problems: List[Text] = [] if wrong is None else [said("threadx-ring-ends", place=wrong)]
    return Named(list(found.values()), problems)


def _follow(memory: Memory, first: int, name: str, found: Dict[int, Region]) -> Optional[int]:
    """Adds the pools that a ring leads to, in one direction. Returns where it leads to no pool; None if nowhere."""
    control = _control_at(memory, first)
    while control is not None and len(found) < _MOST_POOLS:
        if found.get(control.address) is not None and control.address != first:
            return None
        region = Region(_KIND, control.address, name=name_of(memory, control), origin=_ORIGIN)
        found.setdefault(control.address, region)
        if control[name] == first:
            return None
        following = beside(memory, control, name)
        if following is None or following["id"] != POOL_ID:
            return control[name]
        control = following
    return first if control is None else None


def _control_at(memory: Memory, address: int) -> Optional[Control]:
    """Returns the control block at an address, in the form that its pool fits."""
    memory.allow(address, address + 128)
    layout = recognise_pool(memory, address, claimed=True)
    if layout is not None:
        return layout.pool
    return next((one for one in controls(memory, address) if one["id"] == POOL_ID), None)


def find_pools(memory: Memory, snapshot: Snapshot, taken: Sequence[Span], left_out: List[Text]) -> List[FoundHeap]:
    """Returns every byte pool whose control block and blocks are in the snapshot."""
    found: List[FoundHeap] = []
    tries = Tries(_KIND, _MOST_CANDIDATES, left_out)
    for address in _places(snapshot):
        if any(low <= address < high for low, high in taken):
            continue
        if not tries.another(address):
            break
        layout = recognise_pool(memory, address, claimed=False)
        if layout is not None:
            region = Region(_KIND, address, origin=BY_SIGNATURE)
            found.append((region, spans_of(region, layout)))
    return found


def _places(snapshot: Snapshot) -> Iterator[int]:
    mark = id_bytes(snapshot.pointer_size, snapshot.byte_order)
    for start, end in snapshot.extents():
        data = snapshot.get(start, end - start) or b""
        yield from (start + at for at in places_of(data, mark) if not (start + at) % 4)


BODY = Body(allocators=(_BytePool(),), find=find_named, search=find_pools)
