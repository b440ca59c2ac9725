# SPDX-License-Identifier: Apache-2.0
"""Writes and reads memtrace's notes in a core of `memtrace save`: facts that GDB knew and the memory does not show.

Approach: one note has JSON: the heaps and how they were found, the address of the ring, the allocator's call under way.
The other has the ring's bytes. A note is as hostile as the rest of a file: one of a wrong shape is ignored.
"""

from __future__ import annotations

import json
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from gdbext.model.diagnosis import Given
from gdbext.model.region import Region
from gdbext.source.core import Core, CoreSource, Note
from gdbext.source.known import Range
from gdbext.source.snapshot import ByteOrder

OWNER = "memtrace"
KNOWLEDGE, RING = 0x4D540001, 0x4D540002  # debuggers take small numbers for registers, whatever the owner
_VERSION = 2
_ADDRESS_BYTES = 8
_MOST_HEAPS = 1024

_MOST_LEFT_OUT, _LARGEST_LEFT_OUT = 1 << 16, 64 << 20
_MOST_HINTS = 64
_MOST_POOLS = 32
_MOST_CALLS = 256
_HIGHEST = (1 << 64) - 1


class Saved(NamedTuple):
    """The facts that GDB knew when the core was saved."""

    heaps: Tuple[Region, ...]  # their origins as text
    skipped: Tuple[Tuple[str, str], ...]  # checks that were not possible then, and why
    ring: Optional[int]
    operation: Tuple[bool, str, bool]  # was in the allocator; its call there; had asserted
    # its text, its function, its sequence number, and whether it is a fault
    assertion: Optional[Tuple[str, str, Optional[int], bool]]
    build_id: Optional[str]
    left_out: Tuple[Range, ...] = ()  # insides of free blocks that were not read
    given: Optional[Given] = None  # the pointer that the calls at the stop gave to the allocator


def saved_notes(known: Saved, ring: Optional[bytes], order: ByteOrder) -> List[Note]:
    """Returns the notes to write. The ring has a note if its address and its bytes are given."""
    heaps = [{**vars(heap), "hints": dict(heap.hints)} for heap in known.heaps]
    given = None if known.given is None else {**vars(known.given), "place": None}
    text = json.dumps({"version": _VERSION, **known._asdict(), "heaps": heaps, "given": given}).encode()
    notes = [Note(OWNER, KNOWLEDGE, text)]
    if known.ring is not None and ring is not None:
        notes.append(Note(OWNER, RING, known.ring.to_bytes(_ADDRESS_BYTES, order) + ring))
    return notes


def read_saved(core: Core) -> Optional[Saved]:
    """Returns the facts in the note of a core; None if it has no such note or a damaged one."""
    data = core.note(OWNER, KNOWLEDGE)
    try:
        fields: Dict[str, Any] = json.loads(data or b"")
        if fields["version"] != _VERSION:
            return None
        heaps = tuple(_heap(entry) for entry in fields["heaps"][:_MOST_HEAPS])
        skipped = tuple((str(check), str(why)) for check, why in fields["skipped"][:_MOST_HEAPS])
        inside, why, asserted = fields["operation"]
        operation, build_id = (bool(inside), str(why), bool(asserted)), fields["build_id"]
        assertion = None
        if fields["assertion"] is not None:
            text, function, seq, *fault = fields["assertion"]
            assertion = str(text), str(function), None if seq is None else int(seq), fault == [True]
        ring = None if fields["ring"] is None else int(fields["ring"])
        told = [(_address(low), _address(high)) for low, high in fields.get("left_out", ())[:_MOST_LEFT_OUT]]
        left_out = tuple((low, high) for low, high in told if low < high <= low + _LARGEST_LEFT_OUT)
        known = None if build_id is None else str(build_id)
        return Saved(heaps, skipped, ring, operation, assertion, known, left_out, _given(fields.get("given")))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return None


def _heap(entry: Dict[str, Any]) -> Region:
    start, end, name = entry["start"], entry["end"], entry["name"]
    hints = {str(key): _address(value) for key, value in list(entry["hints"].items())[:_MOST_HINTS]}
    pools = tuple((_address(low), _address(high)) for low, high in entry["pools"][:_MOST_POOLS])
    return Region(
        str(entry["kind"]),
        _address(entry["address"]),
        None if start is None else _address(start),
        None if end is None else _address(end),
        None if name is None else str(name),
        str(entry["origin"]),
        hints,
        pools,
        entry.get("told") is True,
    )


def _given(entry: Optional[Dict[str, Any]]) -> Optional[Given]:
    if entry is None:
        return None
    heaps, stack = (tuple(_address(one) for one in entry[name][:_MOST_CALLS]) for name in ("heaps", "stack"))
    pointer, function = _address(entry["pointer"]), str(entry["function"])
    return Given(pointer, function, heaps, stack, _address(entry["frame"]), entry["handed_out"] is True)


def _address(value: Any) -> int:
    number = int(value)
    if not 0 <= number <= _HIGHEST:
        raise ValueError(f"{number} is no address")
    return number


def core_source(core: Core) -> CoreSource:
    """Returns the memory of a core as a source, with the ring in its note, and what `memtrace save` left out."""
    saved = read_saved(core)
    return CoreSource(core, saved_ring(core), () if saved is None else saved.left_out)


def saved_ring(core: Core) -> List[Tuple[int, bytes]]:
    """Returns the ring's address and bytes from its note, for a core whose memory lacks the ring; [] without a note."""
    data = core.note(OWNER, RING)
    if data is None or len(data) <= _ADDRESS_BYTES:
        return []
    return [(int.from_bytes(data[:_ADDRESS_BYTES], core.byte_order), data[_ADDRESS_BYTES:])]
