# SPDX-License-Identifier: Apache-2.0
"""What a damaged heap's messages show: marks that are gone, checks of the allocators, their assertions.

Approach: a mark's value tells from which side it was written, or that its block is free. An assertion is looked up in
the table of messages, else told by its file. What found the damage did not do it, and the words say so.
"""

from __future__ import annotations

import re
from typing import List, Optional, Tuple

from gdbext.analyse.console.case import Case, Verdict
from gdbext.analyse.console.facts import Mark
from gdbext.analyse.console.messages import (
    ALLOCATOR_FILE,
    DOUBLE_FREE,
    FOREIGN_FREE,
    IN_ALLOCATOR,
    INTERIOR_FREE,
    LIKELY,
    OF_A_HEAP,
    OVERFLOW,
    POSSIBLE,
    SHOWN,
    UNDERFLOW,
    WRITE_AFTER_FREE,
)
from gdbext.analyse.values import FILL, FREED_FILL, NEW_FILL, ONE_BIT, POINTER, TAIL, Value, Word, is_one_bit, value_of
from gdbext.heap.names import is_allocator
from gdbext.model.said import Said, said

_HEAD_BYTES = 8  # of the poisoning's head: its mark and the requested size
_CONTROL_OFFSET = 20
_STACK_FILL = 0xA5
_VALID_BLOCK_LINE = 150  # multi_heap.c on TLSF checks the pointer it is given near its top; before, all over the file
_GIVEN_POINTER = re.compile(r"multi_heap_(?:free|realloc|get_allocated_size)")
_Judged = Tuple[str, str, Said]  # situation, certainty, why


def of_marks(case: Case) -> Optional[Verdict]:
    """Judges marks that a check did not find."""
    marks = case.facts.marks
    if not marks:
        return None
    mark = next((one for one in marks if one.got is not None), marks[0])
    value = None if mark.got is None else _value(mark, case)
    judge = {"head": _head, "tail": _tail}.get(mark.kind, _data)
    situation, certainty, why = judge(mark, value, case)
    text: List[Said] = [why, _place(mark, marks)]
    text += [] if value is None else [value.words]
    text += _found_by(case)
    expected = mark.expected
    return Verdict(
        situation,
        certainty,
        tuple(text),
        (mark.address,),
        expected,
        mark.got,
        None if value is None else value.got_is,
        value.by if value is not None and mark.kind == "tail" else None,
    )


def _value(mark: Mark, case: Case) -> Value:
    got = mark.got or 0
    if not mark.is_byte:
        return value_of(Word(got), mark.expected, case.places.spot)
    if mark.expected is not None and is_one_bit(got ^ mark.expected):
        return Value(ONE_BIT, said("got-one-bit-byte", got=got, bit=(got ^ mark.expected).bit_length() - 1))
    return Value("zero-byte" if got == 0 else None, said("got-one-byte", got=got))


def _place(mark: Mark, marks: Tuple[Mark, ...]) -> Said:
    if mark.kind == "head":
        return said("mark-head", address=mark.address, user=mark.address + _HEAD_BYTES)
    if mark.kind == "tail":
        return said("mark-tail", address=mark.address)
    others = sum(one.kind == "data" for one in marks)
    if others > 1:
        return said("mark-data-more", address=mark.address, count=others)
    return said("mark-data", address=mark.address)


def _head(mark: Mark, value: Optional[Value], case: Case) -> _Judged:
    """A head mark is gone: the block is free, or the pointer is none of a block, or one of two blocks was written."""
    if value is None:
        return OVERFLOW, POSSIBLE, said("judged-head-unread")
    if value.got_is == POINTER and _is_link(value, mark, case):
        known = any(mark.got == start + _CONTROL_OFFSET for start, _ in case.crash.heaps)
        return DOUBLE_FREE, SHOWN if known else LIKELY, said("judged-free-link", got=mark.got or 0)
    if mark.address % 4:
        return INTERIOR_FREE, LIKELY, said("judged-unaligned")
    fill = (mark.got or 0) & 0xFF if value.got_is == FILL else None
    if fill == FREED_FILL:
        return DOUBLE_FREE, LIKELY, said("judged-free-fill")
    if fill == NEW_FILL or mark.got == TAIL:
        return INTERIOR_FREE, LIKELY, said("judged-inside-new")
    if fill == _STACK_FILL:
        return FOREIGN_FREE, POSSIBLE, said("judged-stack")
    if value.got_is == ONE_BIT:
        return OVERFLOW, POSSIBLE, said("judged-one-bit")
    if value.is_small and mark.got:
        return INTERIOR_FREE, POSSIBLE, said("judged-small", user=mark.address + _HEAD_BYTES)
    if value.from_end:
        return UNDERFLOW, LIKELY, said("judged-from-end")
    if value.by is not None:
        return OVERFLOW, LIKELY, said("judged-from-start")
    return OVERFLOW, LIKELY, said("judged-head")


def _is_link(value: Value, mark: Mark, case: Case) -> bool:
    """Tells whether a pointer leads to where links of a free list lead: into a heap."""
    heaps = case.crash.heaps
    if not heaps:
        return value.spot is not None and value.spot.kind == "ram"
    return any(start <= (mark.got or 0) < start + length for start, length in heaps)


def _tail(mark: Mark, value: Optional[Value], _: Case) -> _Judged:
    if value is not None and value.got_is == ONE_BIT:
        return OVERFLOW, POSSIBLE, said("judged-one-bit")
    if value is not None and value.got_is == FILL and (mark.got or 0) & 0xFF in (NEW_FILL, FREED_FILL):
        return OVERFLOW, POSSIBLE, said("judged-tail")
    if value is None or value.by is None:
        return OVERFLOW, SHOWN, said("judged-tail")
    return OVERFLOW, SHOWN, said("judged-tail-by", count=value.by)


def _data(mark: Mark, value: Optional[Value], _: Case) -> _Judged:
    if value is not None and value.got_is == ONE_BIT:
        return WRITE_AFTER_FREE, POSSIBLE, said("judged-one-bit")
    return WRITE_AFTER_FREE, LIKELY, said("judged-data")


def _found_by(case: Case) -> List[Said]:
    """What made the check is not what did the damage."""
    asserted = case.facts.assertion
    function = asserted.function if asserted is not None else ""
    if "realloc" in function:
        return [said("found-by-realloc")]
    if "free" in function:
        return [said("found-by-free")]
    if "malloc" in function or "alloc" in function:
        return [said("found-by-malloc")]
    return [said("found-by-check")]


def of_own_check(case: Case) -> Optional[Verdict]:
    """Judges the check that multi_heap.c makes of a pointer or, before TLSF, of its own blocks."""
    if case.facts.own_check is None:
        return None
    line, address = case.facts.own_check
    if line < _VALID_BLOCK_LINE:
        return Verdict(FOREIGN_FREE, LIKELY, (said("says-not-of-heap", address=address),), (address,))
    text = (said("says-block-damaged", address=address), said("possible-causes"))
    return Verdict(IN_ALLOCATOR, SHOWN, text, (address,))


def of_message(case: Case) -> Optional[Verdict]:
    """Judges a crash by the table of messages, if its message is of a heap."""
    row, facts = case.facts.message, case.facts
    if row is None or row.situation not in OF_A_HEAP:
        return None
    text = [row.words, *_more(row.situation, case)]
    if facts.at is not None:
        text.insert(1, said("at-address", address=facts.at))
    return Verdict(row.situation, row.certainty, tuple(text), () if facts.at is None else (facts.at,))


def _more(situation: str, case: Case) -> List[Said]:
    """What else an allocator's complaint may mean, worded as possibilities."""
    row = case.facts.message
    if row is not None and row.words.key == "says-asan" and situation not in (FOREIGN_FREE, INTERIOR_FREE):
        return []
    if row is not None and row.words.key == "says-r128-double":
        return [said("also-before-start")]
    if situation == DOUBLE_FREE:
        known = row is not None and row.words.key == "says-already-free"
        return [*([said("also-free-bit")] if known else []), *_told_by_nuttx(case)]
    if situation in (FOREIGN_FREE, INTERIOR_FREE):
        return [said("possible-pointers")]
    if situation == IN_ALLOCATOR:
        return [*_told_by_nuttx(case), said("possible-causes"), said("found-by-check")]
    return [said("found-by-check")]


def of_allocator_assertion(case: Case) -> Optional[Verdict]:
    """Judges an assertion that is of an allocator by its file, its function, or the frame it failed in."""
    found, frame, where = case.facts.assertion, case.allocator_frame(), case.asserted()
    if found is None or where is None:
        if frame is None or (case.facts.silent is None and case.facts.abort is None):
            return None
        text = (said("assert-in", function=frame.function or ""), said("possible-causes"))
        return _by_frame(case) or Verdict(IN_ALLOCATOR, SHOWN, text)
    if not (ALLOCATOR_FILE.search(found.file) or is_allocator(found.function)):
        return None
    if "poisoning" in found.file:
        return Verdict(IN_ALLOCATOR, SHOWN, (said("says-marks-bad"), where, said("possible-causes"), *_found_by(case)))
    gave_up = (said("says-allocator-gave-up"), where, *_told_by_nuttx(case), said("possible-causes"))
    return Verdict(IN_ALLOCATOR, SHOWN, gave_up)


def _by_frame(case: Case) -> Optional[Verdict]:
    """abort() out of multi_heap_free and its like: they are given a pointer that is not of their heap."""
    names = [frame.function or "" for frame in case.frames]
    function = next((name for name in names if _GIVEN_POINTER.match(name)), None)
    if case.facts.abort is None or function is None:
        return None
    return Verdict(FOREIGN_FREE, LIKELY, (said("abort-in-multi-heap", function=function), said("possible-pointers")))


def _told_by_nuttx(case: Case) -> List[Said]:
    """Where the handler itself asserts again, the first assertion counts."""
    found = case.facts.assertion
    if case.crash.framework is None or "NuttX" not in case.crash.framework or found is None:
        return []
    name = found.file.rpartition("/")[2]
    return [said("first-assertion", file=name, line=found.line, task=case.facts.task or case.crash.task)]


def of_text(case: Case) -> Optional[Verdict]:
    """Judges a text that says that a heap is damaged, in words that are not known."""
    if not case.facts.is_corrupt:
        return None
    return Verdict(IN_ALLOCATOR, SHOWN, (said("says-damaged"), said("possible-causes")))
