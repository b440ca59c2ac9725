# SPDX-License-Identifier: Apache-2.0
"""Tells which object of FreeRTOS lies in a block: a queue, a semaphore, a mutex, a timer or an event group.

Approach: queues and event groups have lists of waiting tasks in them. Each list has its own address in several of its
words, at a distance that only four forms have, so that two words prove a list. What stands around the lists must fit,
too. A timer's item names the timer as its owner, and code by its callback. The queue registry gives names.
Rejected: handles in variables of certain names (most handles lie in the program's own structures); sizes alone.
Cost: some words of the block, which the heap's reading mostly has; the registry, once.
Limits: an object that is built into a larger block is not seen; a stream buffer has no lists, and is not known.
"""

from __future__ import annotations

from typing import Callable, Dict, NamedTuple, Optional, Sequence

from gdbext.model.said import Said, said
from gdbext.source.memory import Memory
from gdbext.symbols.shapes import Program

_REGISTRY = "xQueueRegistry"
_MOST_NAMED = 256
_LONGEST_NAME_BYTES = 64
_MOST_WAITING = 1024  # tasks on one list
_MOST_ITEMS = 1 << 24  # that a queue has room for
_NEVER = 0xFFFF_FFFF  # the value of a list's end, in its lower 32 bits
_IN_FRONT = 4  # words of a queue before its lists
_LARGEST_TAIL = 4  # words of an event group behind its list, with what its block is rounded up by
LARGEST_WORDS = 32  # no object is larger, without a queue's items behind it
# Where a queue or an event group has the address of the word behind, and a timer its own address, in any form.
_LEADS_ON, _LEADS_BACK = (5, 6, 2, 3), (4, 5)

FunctionAt = Callable[[int], Optional[str]]  # the name of the function that begins at an address


class _Form(NamedTuple):
    """A form of lists: the check words at each end of lists and items, and whether a list's end is a whole item."""

    check: int
    whole: bool

    @property
    def end(self) -> int:
        """Where a list's end item is, in words."""
        return 2 + self.check

    @property
    def words(self) -> int:
        """The size of a list."""
        return 2 + 2 * self.check + (5 + 2 * self.check if self.whole else 3 + self.check)

    @property
    def item(self) -> int:
        """The size of an item."""
        return 5 + 2 * self.check


_FORMS = (_Form(0, False), _Form(1, False), _Form(0, True), _Form(1, True))


class Block(NamedTuple):
    """A block, with its first words as they were read."""

    start: int
    size: int
    word: int  # bytes
    words: Sequence[int]

    def at(self, position: int) -> int:
        """Returns the word at a position; 0 behind those that were read."""
        return self.words[position] if position < len(self.words) else 0

    def place(self, position: int) -> int:
        """Returns the address of a word."""
        return self.start + position * self.word


def queue_names(memory: Memory, program: Program) -> Dict[int, str]:
    """Returns the names in the queue registry, by the queues' handles."""
    table, size, word = program.address_of(_REGISTRY), program.size_of(_REGISTRY), memory.source.pointer_size
    count = min((size or 0) // (2 * word), _MOST_NAMED)
    if table is None or not count or not memory.may_read(table, table + count * 2 * word):
        return {}
    memory.fetch(table, count * 2 * word)
    pairs = ((memory.word(at), memory.word(at + word)) for at in range(table, table + count * 2 * word, 2 * word))
    named = ((handle, name_at(memory, place)) for place, handle in pairs if place and handle)
    return {handle: name for handle, name in named if name is not None}


def name_at(memory: Memory, place: int) -> Optional[str]:
    """Returns the text at an address, if it is a name."""
    text = memory.string(place, _LONGEST_NAME_BYTES) if memory.may_read(place, place + 1) else None
    return text if text and text.isprintable() else None


def object_in(block: Block, names: Dict[int, str], memory: Memory, function_at: FunctionAt) -> Optional[Said]:
    """Returns the object that begins where a block begins; None if none is proven. `names` are those of queues."""
    leads_on = any(block.at(position) == block.place(position + 1) for position in _LEADS_ON)
    if not leads_on and block.start not in (block.at(position) for position in _LEADS_BACK):
        return None  # as nearly all blocks: the rest costs more
    for form in _FORMS:
        found = _queue(block, form, names) or _event_group(block, form) or _timer(block, form, memory, function_at)
        if found is not None:
            return found
    return None


def _is_list(block: Block, at: int, form: _Form) -> bool:
    """Tells whether a list of waiting tasks begins at a position. Nobody ever moves the index of one."""
    end = at + form.end
    place, value = block.place(end), block.at(end + form.check)
    if block.at(at + form.check + 1) != place or value & _NEVER != _NEVER:
        return False
    count, following, before = block.at(at + form.check), block.at(end + form.check + 1), block.at(end + form.check + 2)
    if not count:
        return following == before == place
    return count <= _MOST_WAITING and place not in (following, before) and following != 0 != before


def _queue(block: Block, form: _Form, names: Dict[int, str]) -> Optional[Said]:
    if not (_is_list(block, _IN_FRONT, form) and _is_list(block, _IN_FRONT + form.words, form)):
        return None
    behind = _IN_FRONT + 2 * form.words
    waiting, length, item = (block.at(behind + number) for number in range(3))
    head, name = block.at(0), names.get(block.start)
    told: Optional[Said] = None if name is None else said("role-named", name=name)
    if not 0 < length <= _MOST_ITEMS or waiting > length:
        return None
    if item:
        is_whole = head + length * item in (block.at(1), block.at(2))  # older kernels have the two in turn
        return said("role-queue", name=told or "", length=length, bytes=item, waiting=waiting) if is_whole else None
    if not head:
        return said("role-mutex", name=told or "") if length == 1 else None
    return said("role-semaphore", name=told or "", free=waiting, length=length) if head == block.start else None


def _event_group(block: Block, form: _Form) -> Optional[Said]:
    small = block.size <= (1 + form.words + _LARGEST_TAIL) * block.word
    return said("role-event-group") if small and _is_list(block, 1, form) else None


def _timer(block: Block, form: _Form, memory: Memory, function_at: FunctionAt) -> Optional[Said]:
    item = 1 + form.check
    behind = 1 + form.item
    if block.at(item + 3) != block.start or block.at(behind + item + 2) == block.start:  # a task has two items
        return None
    called = next(filter(None, (function_at(block.at(behind + number)) for number in (2, 3))), None)
    name = None if called is None else name_at(memory, block.at(0))
    return None if name is None else said("role-timer", name=name, function=called)
