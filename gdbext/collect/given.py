# SPDX-License-Identifier: Apache-2.0
"""Says what a pointer is that no heap has handed out: on whose stack it lies, in which variable, or what its bytes are
if it leads nowhere: a fill, a text. And where it is stored. A stack may lie in a heap's block.

Cost: a scan of the program's variables and of the used blocks, if the pointer is no block's.
"""

from __future__ import annotations

from typing import Optional, Tuple

from gdbext.analyse.values import POINTER, Word, value_of
from gdbext.collect.collected import Collected
from gdbext.collect.places import Places
from gdbext.collect.references import holders_of
from gdbext.model.diagnosis import Given, Reading
from gdbext.model.memory import Spot
from gdbext.model.record import replace
from gdbext.model.said import Said, said

_OF_HEAPS = ("block", "freed", "control", "gap")  # what the heap itself shows to be right or wrong
_ON_STACK = Spot("stack", said("spot-own-stack"))


def given_at_stop(found: Collected, places: Places) -> Optional[Given]:
    """Returns the pointer that the calls at the stop gave to the allocator, with what it is if it is no heap's."""
    debugger = found.target.debugger
    given = debugger.operation().given if debugger.looks_dead else None
    if given is None or given.handed_out or _begins_block(places, given.pointer):
        return given
    spot = places.at(given.pointer)
    if (spot is None or spot.kind != "stack") and places.is_on_stack_of(given.pointer, given.frame):
        spot = _ON_STACK
    if spot is not None and spot.kind == "block":
        return replace(given, held_by=holders_of(found, given.pointer))
    if spot is not None and spot.kind in _OF_HEAPS:
        return given
    got_is, what = _read(Word(given.pointer, found.memory.source.pointer_size, found.memory.source.byte_order), spot)
    words = said("got", got=given.pointer, what=what)
    read, held_by = Reading(None, given.pointer, got_is, words, spot), holders_of(found, given.pointer)
    return replace(given, read=read, what=what, held_by=held_by)


def _begins_block(places: Places, pointer: int) -> bool:
    """Tells whether a pointer is one of a block, such as that of a stack that is being freed, or of a free one."""
    heap = places.heap_at(pointer)
    holder = None if heap is None else heap.holder(pointer)
    return heap is not None and holder is not None and (heap.is_free(holder) or pointer <= heap.user(holder))


def _read(word: Word, spot: Optional[Spot]) -> Tuple[Optional[str], Said]:
    """Returns what a pointer is that no heap has handed out: the kind, and the words behind "it is"."""
    if spot is not None:
        return POINTER, said("is-pointer", where=spot.words)
    value = value_of(word)
    return value.got_is, value.what or said("is-nowhere")
