# SPDX-License-Identifier: Apache-2.0
"""Variables and their types by a program's DWARF, without GDB.

Approach: the unit that defines a function is looked through for the variable; types are followed as far as they are
asked for. Nothing is kept: a program has few such variables, and they are asked for once a command.
Assumptions: entries are as damaged as the file; whoever asks catches what pyelftools raises.
"""

from __future__ import annotations

from itertools import islice
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

from gdbext.symbols.shapes import DEEPEST, MOST_MEMBERS, Member, Shape, Variable

_STRUCTURES = ("DW_TAG_structure_type", "DW_TAG_union_type")
_RENAMED = ("DW_TAG_typedef", "DW_TAG_const_type", "DW_TAG_volatile_type", "DW_TAG_atomic_type")
_ADDRESS = 0x03  # DW_OP_addr
_MOST_NAMES = 16  # a type may be called by


def variable_in(unit: Any, name: str, follow: Sequence[str], big_endian: bool) -> Optional[Variable]:
    """A variable of a unit, as it was linked, and what it points to by these members."""
    entries = unit.get_top_DIE().iter_children()
    found = (one for one in entries if one.tag == "DW_TAG_variable" and _name_of(one) == name)
    places = ((one, _address_of(one, big_endian)) for one in found)
    entry, place = next(((one, place) for one, place in places if place is not None), (None, None))
    if entry is None or place is None:
        return None
    kind = _plain(_type_of(entry))
    shapes = [_shape(kind)]
    for member in follow:
        kind = _target(kind, member)
        if kind is None:
            break
        shapes.append(_shape(kind))
    return Variable(place, tuple(shapes))


def _name_of(entry: Any) -> str:
    attribute = entry.attributes.get("DW_AT_name")
    return "" if attribute is None else attribute.value.decode("utf-8", "replace")


def _address_of(entry: Any, big_endian: bool) -> Optional[int]:
    """Where a variable is; None: this declares it, or it lives in no fixed place."""
    location = entry.attributes.get("DW_AT_location")
    if location is None or not isinstance(location.value, list) or location.value[:1] != [_ADDRESS]:
        return None
    return int.from_bytes(bytes(location.value[1:]), "big" if big_endian else "little")


def _type_of(entry: Any) -> Any:
    return entry.get_DIE_from_attribute("DW_AT_type") if "DW_AT_type" in entry.attributes else None


def _plain(kind: Any) -> Any:
    """A type without the names that were given to it."""
    for _ in range(_MOST_NAMES):
        if kind is None or kind.tag not in _RENAMED:
            break
        kind = _type_of(kind)
    return kind


def _shape(kind: Any) -> Shape:
    members: Dict[str, Member] = {}
    for name, offset, inner in islice(_members(kind, 0, 0), MOST_MEMBERS):
        members.setdefault(name, Member(offset, _size_of(inner)))
    values: List[Any] = list(kind.iter_children()) if kind is not None and kind.tag == "DW_TAG_enumeration_type" else []
    return Shape(_size_of(kind), members, {one.attributes["DW_AT_const_value"].value: _name_of(one) for one in values})


def _size_of(kind: Any) -> int:
    kind = _plain(kind)
    if kind is None:
        return 0
    if kind.tag == "DW_TAG_array_type":
        count = 1
        for bound in kind.iter_children():
            count *= _count_of(bound)
        return count * _size_of(_type_of(kind))
    size = kind.attributes.get("DW_AT_byte_size")
    return int(size.value) if size is not None else 0


def _count_of(bound: Any) -> int:
    """Elements of an array; one without any has no bound."""
    count, last = bound.attributes.get("DW_AT_count"), bound.attributes.get("DW_AT_upper_bound")
    if count is not None:
        return int(count.value)
    return 0 if last is None or not isinstance(last.value, int) else int(last.value) + 1


def _members(kind: Any, base: int, depth: int) -> Iterator[Tuple[str, int, Any]]:
    """Name, place and type of every member, those of structures inside after the structure."""
    plain = _plain(kind)
    if plain is None or plain.tag not in _STRUCTURES or depth == DEEPEST:
        return
    for one in plain.iter_children():
        if one.tag == "DW_TAG_member":
            place = one.attributes.get("DW_AT_data_member_location")
            offset = base + (place.value if place is not None else 0)
            yield _name_of(one), offset, _type_of(one)
            yield from _members(_type_of(one), offset, depth + 1)


def _target(kind: Any, member: str) -> Any:
    """What a member points to; of a structure its first member counts: heads and links of lists are such.

    No name stands for all of it.
    """
    inside = islice(_members(kind, 0, 0), MOST_MEMBERS)
    found = next((inner for name, _, inner in inside if name == member), None) if member else kind
    for _ in range(DEEPEST):
        plain = _plain(found)
        if plain is None or plain.tag == "DW_TAG_pointer_type":
            return None if plain is None else _plain(_type_of(plain))
        found = next((inner for _, _, inner in _members(plain, 0, DEEPEST - 1)), None)
    return None
