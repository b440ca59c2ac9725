# SPDX-License-Identifier: Apache-2.0
"""Finds variables and their types in a program's DWARF, without GDB.

Approach: the caller gives the unit of a function; the variable is searched for in this unit. Types are followed as far
as the caller asks. Nothing is cached, for a command asks for few variables, and for each of them once.
Assumptions: the entries may be damaged. The caller catches the exceptions of pyelftools.
"""

from __future__ import annotations

from itertools import islice
from typing import Any, Iterator, List, Optional, Sequence, Tuple

from gdbext.symbols.demangle import readable
from gdbext.symbols.elf_bounds import children_of
from gdbext.symbols.shapes import DEEPEST, MOST_MEMBERS, Member, Shape, Variable, inside, members_by_name

_STRUCTURES = ("DW_TAG_structure_type", "DW_TAG_union_type")
_RENAMED = ("DW_TAG_typedef", "DW_TAG_const_type", "DW_TAG_volatile_type", "DW_TAG_atomic_type")
_ADDRESS = 0x03  # DW_OP_addr
_MOST_NAMES = 16  # typedefs and qualifiers of one type
_ORIGINS = ("DW_AT_abstract_origin", "DW_AT_specification")
_MOST_ORIGINS = 4


def variable_in(unit: Any, name: str, follow: Sequence[str], big_endian: bool) -> Optional[Variable]:
    """Returns a variable of a unit at its linked address, with the shapes that the members in `follow` lead to."""
    for entry in children_of(unit.get_top_DIE()):
        location = entry.attributes.get("DW_AT_location")
        operations = None if location is None else location.value
        # An entry without an address is a declaration, or the variable has no fixed place.
        if entry.tag != "DW_TAG_variable" or not isinstance(operations, list) or operations[:1] != [_ADDRESS]:
            continue
        if name_of(entry) == name:
            kind = _plain(_type_of(entry))
            shapes = [_shape(kind)]
            for member in follow:
                kind = _target(kind, member)
                if kind is None:
                    break
                shapes.append(_shape(kind))
            return Variable(int.from_bytes(bytes(operations[1:]), "big" if big_endian else "little"), tuple(shapes))
    return None


def name_of(entry: Any) -> Optional[str]:
    """Returns the name of an entry. An inlined function has its name at its declaration or definition."""
    entry = _with("DW_AT_name", entry)
    return None if entry is None else entry.attributes["DW_AT_name"].value.decode("utf-8", "replace")


def readable_name_of(entry: Any) -> Optional[str]:
    """Returns the name of a function, of C++ with its namespaces and classes."""
    for attribute in ("DW_AT_linkage_name", "DW_AT_MIPS_linkage_name"):
        named = _with(attribute, entry)
        mangled = b"" if named is None else named.attributes[attribute].value
        if mangled.startswith(b"_Z"):
            return readable(mangled.decode("utf-8", "replace"))
    return name_of(entry)


def _with(attribute: str, entry: Any) -> Any:
    """Returns the first entry with an attribute: this one, else one of its origins, else None."""
    for _ in range(_MOST_ORIGINS):
        if entry is None or attribute in entry.attributes:
            return entry
        link = next((name for name in _ORIGINS if name in entry.attributes), None)
        entry = None if link is None else entry.get_DIE_from_attribute(link)
    return None


def _type_of(entry: Any) -> Any:
    entry = _with("DW_AT_type", entry)
    return None if entry is None else entry.get_DIE_from_attribute("DW_AT_type")


def _plain(kind: Any) -> Any:
    """Returns a type without typedefs and qualifiers."""
    for _ in range(_MOST_NAMES):
        if kind is None or kind.tag not in _RENAMED:
            break
        kind = _type_of(kind)
    return kind


def _shape(kind: Any) -> Shape:
    one, size = _element(kind), _size_of(kind)
    found = ((name, Member(offset, _size_of(inner))) for name, offset, inner in islice(_members(one), MOST_MEMBERS))
    values: List[Any] = list(children_of(one)) if one is not None and one.tag == "DW_TAG_enumeration_type" else []
    named = {value.attributes["DW_AT_const_value"].value: name_of(value) or "" for value in values}
    each = _size_of(one)
    return Shape(each, members_by_name(found), named, size // each if each else 1)


def _element(kind: Any) -> Any:
    """Returns the element type of an array. A type that is no array is returned itself."""
    plain = _plain(kind)
    return _plain(_type_of(plain)) if plain is not None and plain.tag == "DW_TAG_array_type" else plain


def _size_of(kind: Any) -> int:
    kind = _plain(kind)
    if kind is None:
        return 0
    if kind.tag == "DW_TAG_array_type":
        elements = 1
        for bound in children_of(kind):  # one for each dimension; without a bound it has no elements
            count, last = bound.attributes.get("DW_AT_count"), bound.attributes.get("DW_AT_upper_bound")
            if count is not None:
                elements *= int(count.value)
            else:
                elements *= 0 if last is None or not isinstance(last.value, int) else int(last.value) + 1
        return elements * _size_of(_type_of(kind))
    size = kind.attributes.get("DW_AT_byte_size")
    return int(size.value) if size is not None else 0


def _members(kind: Any, outer: str = "", base: int = 0, depth: int = 0) -> Iterator[Tuple[str, int, Any]]:
    """Yields name, offset and type of every member. The members of an inner structure follow it."""
    plain = _plain(kind)
    if plain is None or plain.tag not in _STRUCTURES or depth == DEEPEST:
        return
    for one in children_of(plain):
        if one.tag == "DW_TAG_member":
            place = one.attributes.get("DW_AT_data_member_location")
            offset = base + (place.value if place is not None else 0)
            name = inside(outer, name_of(one) or "")
            yield name, offset, _type_of(one)
            yield from _members(_type_of(one), name, offset, depth + 1)


def _target(kind: Any, member: str) -> Any:
    """Returns the type that a member points to; with an empty name, that all of `kind` points to.

    If the member is a structure, its first member counts: heads and links of lists are such structures.
    """
    within = islice(_members(kind), MOST_MEMBERS)
    found = next((inner for name, _, inner in within if name.rpartition(".")[2] == member), None) if member else kind
    for _ in range(DEEPEST):
        plain = _element(found)
        if plain is None or plain.tag == "DW_TAG_pointer_type":
            return None if plain is None else _plain(_type_of(plain))
        found = next((inner for _, _, inner in _members(plain)), None)
    return None
