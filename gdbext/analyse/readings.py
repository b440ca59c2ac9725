# SPDX-License-Identifier: Apache-2.0
"""Says what damaged words are, each by itself and as the first of many: who wrote them may be seen from that.

Approach: a word whose right value is known is compared with it. Else the words that the damage covers are read one by
one, where they are not said to be a fill, a text or zeros already, and the bytes on both sides are tried as pixels and
as sound. What says nothing is left out. A damaged list pointer that leads into its heap is the allocator's own kind of
word: its finding says where it leads.
Rejected: readings of every word of a long run (the first ones tell the same).
Cost: some hundred bytes around each group of damage, which are mostly at hand.
"""

from __future__ import annotations

from typing import Iterator, List, Optional, Tuple

from gdbext.analyse.looks import LEAST_BYTES, counting, look_of
from gdbext.analyse.values import FILL, POINTER, SpotAt, Value, Word, is_one_bit, read_word, value_of
from gdbext.heap.facts import Fault, HeapFacts
from gdbext.model.diagnosis import Extent, Reading

_MOST_WORDS = 4
_WINDOW_BYTES = 1 << 10  # of the bytes on each side that are tried as pixels and as sound
_UNTOLD = ("other", "pattern")  # looks that do not say what the bytes are
_SHORT_WORDS = ("head-canary", "tail-canary", "requested-length")  # roles of words of 32 bits, whatever the machine's
_NO_WORDS = ("", "bitmap", "fill", "counter", "constant")
_LINKS = ("next-free", "prev-free", "prev-block", "list-head")
_OWN = ("block", "freed", "header", "control", "gap")  # where an allocator's own pointers lead


def readings_of(facts: HeapFacts, spot_at: SpotAt, fault: Fault, extent: Extent) -> Tuple[Reading, ...]:
    """Returns what the words of one place of damage are. What is nothing known is left out."""
    found = [*_run(facts, extent)] if extent.look in _UNTOLD else []
    found = found or [*_whole(facts, spot_at, fault, extent)]
    if extent.look in _UNTOLD and not found:
        found = [*_words(facts, spot_at, fault, extent)]
    return tuple(dict.fromkeys(found))


def _whole(facts: HeapFacts, spot_at: SpotAt, fault: Fault, extent: Extent) -> Iterator[Reading]:
    """Yields what the whole damaged word is, if the fault has it."""
    if fault.actual is None or fault.role in _NO_WORDS:
        return
    word = Word(fault.actual, 4 if fault.role in _SHORT_WORDS else facts.layout.word, facts.snapshot.byte_order)
    is_bit = fault.expected is not None and is_one_bit(fault.actual ^ fault.expected)
    if is_bit or extent.look in _UNTOLD:
        value = value_of(word, fault.expected, spot_at)
        if value.is_partly or (value.got_is is not None and not _says_nothing(fault, value, extent)):
            places = (fault.address - back for back in range(word.width))
            fitting = (place for place in places if facts.snapshot.get(place, word.width) == word.data)
            yield _reading(next(fitting, fault.address), word, value)


def _says_nothing(fault: Fault, value: Value, extent: Extent) -> bool:
    """True if a list pointer leads where such pointers lead, into a heap, or if the look of the bytes says the same."""
    is_own = fault.role in _LINKS and value.spot is not None and value.spot.kind in _OWN
    return is_own or (value.got_is == FILL and (extent.look == "pattern" or fault.actual == 0))


def _words(facts: HeapFacts, spot_at: SpotAt, fault: Fault, extent: Extent) -> Iterator[Reading]:
    """Yields what the first words of a run of bytes are. A word that is more than half as it was is not read."""
    width, order = facts.layout.word, facts.snapshot.byte_order
    first = extent.start - extent.start % width
    for place in range(first, min(extent.end, first + _MOST_WORDS * width), width):
        stored = facts.snapshot.word(place)
        damaged = min(extent.end, place + width) - max(extent.start, place)
        value = None if stored is None or 2 * damaged < width else read_word(Word(stored, width, order), spot_at)
        # Of a word that is partly as it was, only a pointer says more than its bytes do.
        if value is None or (damaged < width and value.got_is != POINTER):
            continue
        if not _says_nothing(fault, value, extent):
            yield _reading(place, Word(stored or 0, width, order), value)


def _run(facts: HeapFacts, extent: Extent) -> Iterator[Reading]:
    """Yields what the damage and the bytes behind it or in front of it are, if they are all of one kind."""
    snapshot = facts.snapshot
    length = extent.end - extent.start
    reach = length if length >= LEAST_BYTES else _WINDOW_BYTES  # what is long enough is told by itself
    behind = snapshot.prefix(extent.start, min(reach, max(0, facts.end - extent.start)))
    low = max(facts.start, extent.end - reach)
    before = snapshot.suffix(extent.end, max(0, extent.end - low))
    width = facts.layout.word
    counted = counting(behind, extent.start, width, snapshot.byte_order) if extent.start % width == 0 else None
    if counted is not None:
        yield Reading(extent.start, _first(facts, extent), counted.got_is, counted.words)
        return
    runs: List[Tuple[int, bytes, bool]] = [(extent.start, behind, True), (extent.end - len(before), before, False)]
    for start, data, onwards in runs:
        look = look_of(data, start, snapshot.byte_order, onwards, extent.end - extent.start)
        if look is not None:
            yield Reading(extent.start, _first(facts, extent), look.got_is, look.words)
            return


def _first(facts: HeapFacts, extent: Extent) -> int:
    data = facts.snapshot.prefix(extent.start, min(facts.layout.word, extent.end - extent.start))
    return int.from_bytes(data, facts.snapshot.byte_order)


def _reading(place: int, word: Word, value: Value) -> Reading:
    return Reading(place, word.value, value.got_is, value.words, value.spot)


def got_is(readings: Tuple[Reading, ...], extent: Optional[Extent]) -> Optional[str]:
    """Returns what stands at a place of damage in one word: by its readings, else by the look of its bytes."""
    told = [one.got_is for one in readings if one.got_is is not None]
    looks = {"fill": FILL, "zero": FILL, "text": "text", "counter": "counter"}
    return told[0] if told else None if extent is None else looks.get(extent.look)
