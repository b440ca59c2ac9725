# SPDX-License-Identifier: Apache-2.0
"""The notes of ours in a core that `memtrace save` wrote: what GDB knew and the bytes do not tell.

Approach: one note of JSON (the heaps and how they were found, where the ring is, what the target was doing), one with
the ring's bytes. A note is as hostile as the rest of a file: what is not of the right shape is not there.
"""

from __future__ import annotations

import json
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from gdbext.source.core import Core, Note
from gdbext.source.snapshot import ByteOrder

OWNER = "memtrace"
KNOWLEDGE, RING = 0x4D540001, 0x4D540002  # debuggers take small numbers for registers, whoever owns them
_VERSION = 1
_ADDRESS_BYTES = 8
_MOST_HEAPS = 1024

_MOST_VARIABLES = 9
_MOST_POOLS = 32

_Numbers = Tuple[Optional[int], ...]
# The fields of a Region; those of its variables in one row, and the ends of its pools in one.
SavedHeap = Tuple[str, int, Optional[int], Optional[int], Optional[str], str, _Numbers, Tuple[int, ...]]


class Saved(NamedTuple):
    """What GDB knew when the core was saved."""

    heaps: Tuple[SavedHeap, ...]
    skipped: Tuple[Tuple[str, str], ...]  # what was missing then, and why
    ring: Optional[int]
    operation: Tuple[bool, str, bool]  # whether it was in the allocator, what it did there, whether it had asserted
    assertion: Optional[Tuple[str, str, Optional[int]]]  # its text, its function, its sequence number
    build_id: Optional[str]


def saved_notes(known: Saved, ring: Optional[bytes], order: ByteOrder) -> List[Note]:
    """The notes to write."""
    text = json.dumps({"version": _VERSION, **known._asdict()}).encode()
    notes = [Note(OWNER, KNOWLEDGE, text)]
    if known.ring is not None and ring is not None:
        notes.append(Note(OWNER, RING, known.ring.to_bytes(_ADDRESS_BYTES, order) + ring))
    return notes


def read_saved(core: Core) -> Optional[Saved]:
    """What the note of a core says; None: it has none that can be read."""
    data = core.note(OWNER, KNOWLEDGE)
    try:
        fields: Dict[str, Any] = json.loads(data or b"")
        heaps = tuple(_heap(*entry) for entry in fields["heaps"][:_MOST_HEAPS])
        skipped = tuple((str(check), str(why)) for check, why in fields["skipped"][:_MOST_HEAPS])
        inside, why, asserted = fields["operation"]
        operation, build_id = (bool(inside), str(why), bool(asserted)), fields["build_id"]
        assertion = None if fields["assertion"] is None else _assertion(*fields["assertion"])
        return Saved(
            heaps, skipped, _number(fields["ring"]), operation, assertion, None if build_id is None else str(build_id)
        )
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None


def _heap(
    kind: Any, address: Any, start: Any, end: Any, name: Any, origin: Any, variables: Any = (), pools: Any = ()
) -> SavedHeap:
    numbers = tuple(_number(one) for one in tuple(variables)[:_MOST_VARIABLES])
    said = None if name is None else str(name)
    edges = tuple(int(one) for one in tuple(pools)[: 2 * _MOST_POOLS])
    return str(kind), int(address), _number(start), _number(end), said, str(origin), numbers, edges


def _assertion(text: Any, function: Any, seq: Any) -> Tuple[str, str, Optional[int]]:
    return str(text), str(function), _number(seq)


def _number(value: Any) -> Optional[int]:
    return None if value is None else int(value)


def saved_ring(core: Core) -> List[Tuple[int, bytes]]:
    """The ring's address and bytes, for a core whose memory lacks it."""
    data = core.note(OWNER, RING)
    if data is None or len(data) <= _ADDRESS_BYTES:
        return []
    return [(int.from_bytes(data[:_ADDRESS_BYTES], core.byte_order), data[_ADDRESS_BYTES:])]
