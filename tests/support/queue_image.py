# SPDX-License-Identifier: Apache-2.0
"""Builds what FreeRTOS keeps in a block: queues, semaphores, mutexes, timers, event groups (queue.c, timers.c,
event_groups.c of 9.0 to 11.1), in any width, byte order and form of lists. Nothing here is shared with the reader.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

CHECK = 0x5A5A_5A5A
NEVER = 0xFFFF_FFFF


@dataclass
class Objects:
    """Objects, word by word. `check`: with check words; `whole`: a list's end is an item like any other."""

    word: int = 4
    order: Literal["little", "big"] = "little"
    check: bool = False
    whole: bool = False
    older: bool = False  # pcTail in front of pcWriteTo
    waiting: dict[int, int] = field(default_factory=dict)  # the item of a task that waits on a list, by the list

    def _checked(self) -> list[int]:
        return [CHECK] if self.check else []

    def list_at(self, place: int) -> list[int]:
        """A list of waiting tasks at an address: empty, or with one task's item."""
        end = place + self.word * (2 + len(self._checked()))
        item = self.waiting.get(place)
        ends = [NEVER, item or end, item or end]
        rest = [0, 0, *self._checked()] if self.whole else []
        return [*self._checked(), int(item is not None), end, *self._checked(), *ends, *rest, *self._checked()]

    def lists_of(self, place: int) -> tuple[int, int]:
        """Where a queue at an address has its two lists."""
        first = place + 4 * self.word
        return first, first + self.word * len(self.list_at(first))

    def queue(self, place: int, length: int, item: int, waiting: int, head: int | None = None) -> list[int]:
        """A queue, whose items lie behind it."""
        first, second = self.lists_of(place)
        lists = [*self.list_at(first), *self.list_at(second)]
        start = place + self.word * (4 + len(lists) + 4) if head is None else head
        tail, write = start + length * item, start
        if not item:
            tail = write = place
        front = [start, *((tail, write) if self.older else (write, tail)), start]
        return [*front, *lists, waiting, length, item, 0xFFFF]

    def semaphore(self, place: int, length: int, free: int) -> list[int]:
        """A queue of nothing."""
        return self.queue(place, length, 0, free, place)

    def mutex(self, place: int, holder: int) -> list[int]:
        """A semaphore that somebody may hold."""
        made = self.queue(place, 1, 0, int(not holder), 0)
        made[1 if self.older else 2] = holder
        return made

    def event_group(self, place: int, bits: int) -> list[int]:
        """Bits, and who waits for them."""
        return [bits, *self.list_at(place + self.word), 1]

    def timer(self, place: int, name: int, callback: int) -> list[int]:
        """A timer that does not run."""
        item = [*self._checked(), 500, 0, 0, place, 0, *self._checked()]
        return [name, *item, 100, *([1] if self.older else []), 0, callback, 0]

    def data(self, words: Sequence[int]) -> bytes:
        """The bytes of words."""
        mask = (1 << 8 * self.word) - 1
        return b"".join((one & mask).to_bytes(self.word, self.order) for one in words)
