# SPDX-License-Identifier: Apache-2.0
"""Gives the possible forms of FreeRTOS's lists and control blocks, for programs without debug information.

Approach: lists have four forms, with or without check words, and with a short or a whole item as their end. The right
form must fit all of the kernel's lists. A control block begins with the saved stack pointer. A ready task shows where
its two items are; behind them come the priority, the start of the stack and the name, in this order in every version.
Rejected: a table of versions (options shift more than versions do).
Limits: ticks must be as wide as a pointer. The kernel's own word for the end of a stack is not found.
"""

from __future__ import annotations

from typing import Dict, Iterator, Optional, Sequence

from gdbext.source.memory import Memory
from gdbext.symbols.shapes import Member, Program, Shape, Types, Variable

_SHORT, _WHOLE = 3, 5  # words of a short end item and of a whole item, without check words
_LARGEST_PREFIX = 512  # bytes of a control block before its items, with room for a memory protection unit's
_TO_NAME = (1, 3)  # words from the stack's start to the name; with several cores two more are between
_NAME_BYTES = 16
_MOST_LISTS = 256


def built_in(memory: Memory, program: Program, ready: int) -> Iterator[Types]:
    """Yields the types of each form. `ready` is the address of the ready lists."""
    sizes = {address: size for _, address, size in program.objects()}
    for whole in (False, True):
        for check in (0, 1):
            yield _Form(memory, program, check, whole, ready, sizes)


class _Form:
    """The types of one form. Offsets in lists and items are in words.

    `check` is 1 if lists and items have check words at both ends, else 0. `whole` means that a list's end is a whole
    item.
    """

    def __init__(
        self, memory: Memory, program: Program, check: int, whole: bool, ready: int, sizes: Dict[int, int]
    ) -> None:
        self._memory, self._program = memory, program
        self._ready, self._sizes = ready, sizes
        self._word = memory.source.pointer_size
        self._check = check
        self._item_bytes = (_WHOLE + 2 * check) * self._word
        self._end = 2 + check  # offset of a list's end item
        end_words = _WHOLE + 2 * check if whole else _SHORT + check
        self._list_bytes = (self._end + end_words + check) * self._word
        links = ("pxNext", "pxPrevious", "pvOwner", "pxContainer")
        self._links = {name: check + 1 + number for number, name in enumerate(links)}  # offsets in an item

    def variable_of(self, _: str, name: str, follow: Sequence[str] = ()) -> Optional[Variable]:
        """Returns a list or an array of lists; with `follow`, the pointers to control blocks. None if unknown."""
        address = self._program.address_of(name)
        size = self._sizes.get(address or 0, 0)
        if address is None:
            return None
        if not follow:
            links = {f"xListEnd.{link}": at + self._end for link, at in self._links.items()}
            places = {"uxNumberOfItems": self._check, "xListEnd": self._end, **links}
            members = {member: Member(at * self._word, self._word) for member, at in places.items()}
            return Variable(address, (Shape(self._list_bytes, members, {}, max(1, size // self._list_bytes)),))
        control = self._control()
        pointers = Shape(self._word, {}, {}, max(1, size // self._word))
        return None if control is None else Variable(address, (pointers, control))

    def _control(self) -> Optional[Shape]:
        """Returns the shape of a control block, as the first ready task shows it."""
        item = self._first_item()
        owner = None if item is None else self._at(item, self._links["pvOwner"])
        if item is None or owner is None or not 0 < item - owner <= _LARGEST_PREFIX:
            return None
        if self._at(item + self._item_bytes, self._links["pvOwner"]) != owner:
            return None
        prefix, stack = item - owner, item - owner + 2 * self._item_bytes + self._word
        names = [stack + words * self._word for words in _TO_NAME]
        name = next((at for at in names if self._is_name(owner + at)), names[0])
        links = {f"xStateListItem.{link}": prefix + at * self._word for link, at in self._links.items()}
        places = {"pxTopOfStack": 0, "xStateListItem": prefix, **links, "pxStack": stack}
        members = {member: Member(at, self._word) for member, at in places.items()}
        return Shape(name + _NAME_BYTES, {**members, "pcTaskName": Member(name, _NAME_BYTES)}, {})

    def _is_name(self, address: int) -> bool:
        text = (self._memory.get(address, _NAME_BYTES) or b"").split(b"\0")[0]
        return len(text) > 0 and text.isascii() and text.decode("ascii").isprintable()

    def _first_item(self) -> Optional[int]:
        """Returns the first item of the first ready list that is not empty."""
        count = min(self._sizes.get(self._ready, 0) // self._list_bytes, _MOST_LISTS)
        for number in range(count):
            end = self._ready + number * self._list_bytes + self._end * self._word
            item = self._at(end, self._links["pxNext"])
            if item and item != end:
                return item
        return None

    def _at(self, address: int, words: int) -> Optional[int]:
        place = address + words * self._word
        return self._memory.word(place) if self._memory.may_read(place, place + self._word) else None
