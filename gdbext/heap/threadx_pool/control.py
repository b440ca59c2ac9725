# SPDX-License-Identifier: Apache-2.0
"""Reads the control block of a byte pool, TX_BYTE_POOL, in the forms that ports give it.

Approach: three forms by the widths of pointers and of ULONG. What a port or an option adds (performance counters,
TX_BYTE_POOL_EXTENSION) stands behind all that is read here, so no debug information is needed.
As of eclipse-threadx/threadx 7ad78c4, common/inc/tx_api.h; the members are the same since 5.0.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Dict, Iterator, Mapping, NamedTuple, Optional, Tuple

from gdbext.heap.geometry import Flaw
from gdbext.model.record import Record
from gdbext.model.said import said
from gdbext.source.memory import Memory
from gdbext.source.snapshot import ByteOrder

POOL_ID = 0x42595445  # "BYTE"
ULONGS = {4: (4,), 8: (8, 4)}  # bytes of an ULONG, by those of a pointer; the usual one first
_LONGEST_NAME_BYTES = 32
_POINTER, _ULONG, _UINT = "pointer", "ulong", "uint"
_MEMBERS = (
    ("id", _ULONG), ("name", _POINTER), ("available", _ULONG), ("fragments", _UINT), ("list", _POINTER),
    ("search", _POINTER), ("start", _POINTER), ("size", _ULONG), ("owner", _POINTER), ("suspension_list", _POINTER),
    ("suspended_count", _UINT), ("created_next", _POINTER), ("created_previous", _POINTER),
)  # fmt: skip


class Field(NamedTuple):
    """A member of a control block as it is stored."""

    place: int
    width: int
    value: int


class Control(Record):
    """A control block: its members by their names without `tx_byte_pool_`."""

    address: int
    fields: Mapping[str, Field]

    def __getitem__(self, name: str) -> int:
        """Returns the value of a member."""
        return self.fields[name].value


@lru_cache(maxsize=None)
def offsets(word: int, ulong: int) -> Tuple[Dict[str, Tuple[int, int]], int]:
    """Returns offset and width of each member, and the bytes of them all."""
    widths, found, at = {_POINTER: word, _ULONG: ulong, _UINT: 4}, {}, 0
    for name, kind in _MEMBERS:
        at += -at % widths[kind]
        found[name] = (at, widths[kind])
        at += widths[kind]
    return found, at + -at % word


def controls(memory: Memory, address: int) -> Iterator[Control]:
    """Yields the control block at an address in each form that the pointers' width allows, as far as it can be read."""
    word, order = memory.source.pointer_size, memory.source.byte_order
    for ulong in ULONGS[word]:
        members, length = offsets(word, ulong)
        data = memory.get(address, length)
        if data is not None:
            yield Control(
                address,
                {
                    name: Field(address + at, width, int.from_bytes(data[at : at + width], order))
                    for name, (at, width) in members.items()
                },
            )


def id_bytes(word: int, order: ByteOrder) -> bytes:
    """Returns the bytes that a control block begins with, in the narrower form."""
    return POOL_ID.to_bytes(min(ULONGS[word]), order)


def name_of(memory: Memory, control: Control) -> Optional[str]:
    """Returns the name that the program gave a pool; None if it has none that can be printed."""
    place = control["name"]
    if not place or not memory.may_read(place, place + _LONGEST_NAME_BYTES):
        return None
    text = memory.string(place, _LONGEST_NAME_BYTES)
    return text if text and text.isascii() and text.isprintable() else None


def ring_flaws(memory: Memory, control: Control) -> Iterator[Flaw]:
    """Yields a flaw for each pointer of the ring that is wrong, if the memory that it leads to is at hand."""
    for name, back in (("created_next", "created_previous"), ("created_previous", "created_next")):
        one = control.fields[name]
        other = beside(memory, control, name)
        if other is None or other[back] == control.address or not _is_to_blame(memory, other, name, back):
            continue
        text = said("threadx-ring", name=f"tx_byte_pool_{name}", place=one.place, stored=one.value)
        yield Flaw("pool-ring", one.place, one.width, text, "constant", None, one.value)


def beside(memory: Memory, control: Control, name: str) -> Optional[Control]:
    """Returns what a pointer of the ring leads to, as a control block; None if that cannot be read."""
    ulong, place = control.fields["id"].width, control[name]
    length = offsets(memory.source.pointer_size, ulong)[1]
    if not memory.may_read(place, place + length):
        return None
    return next((one for one in controls(memory, place) if one.fields["id"].width == ulong), None)


def _is_to_blame(memory: Memory, other: Control, name: str, back: str) -> bool:
    """True if the other one is no pool, or is linked with a third one: else its own pointer may be the wrong one."""
    if other["id"] != POOL_ID:
        return True
    third = beside(memory, other, back)
    return third is not None and third["id"] == POOL_ID and third[name] == other.address
