# SPDX-License-Identifier: Apache-2.0
"""How far the user's pointer lies behind the allocator's own: the owner word of ESP-IDF's task tracking.

Approach: with task tracking every used block begins with the handle of the task that owns it, so all first words are
few different, aligned, near pointers. Without it they are what users write. One block may be without (the first, in
5.2.0).
Rejected: asking debug information; the option leaves no type of its own behind.
Limits: fewer than four used blocks cannot tell, and count as blocks without owners.
"""

from __future__ import annotations

from collections import Counter
from typing import List

from gdbext.heap.layout import FREE_BIT
from gdbext.heap.walk import Walk
from gdbext.source.snapshot import WordReader

_FEWEST_BLOCKS = 4
_MOST_TASKS = 64
_LOWEST_POINTER = 0x10000
_LARGEST_SPREAD = 64 << 20


def owner_bytes(walk: Walk, read: WordReader) -> int:
    """Bytes between the allocator's payload and the user's: one word with task tracking, else none."""
    firsts = [read(payload) for payload, word in zip(walk.payloads, walk.words) if not word & FREE_BIT]
    # A block that nobody has written to begins with a link of when it was free: to the null block, mostly.
    known = [0 if word == walk.layout.control else word for word in firsts if word is not None]
    return walk.layout.word if are_owners(known, walk.layout.word) else 0


def are_owners(words: List[int], width: int) -> bool:
    """Whether these are the handles of a few tasks, each of many blocks."""
    if len(words) < _FEWEST_BLOCKS:
        return False
    handles = Counter(word for word in words if word >= _LOWEST_POINTER and word % width == 0)
    shared = [handle for handle, count in handles.items() if count > 1]
    if not shared or len(shared) > _MOST_TASKS or max(shared) - min(shared) > _LARGEST_SPREAD:
        return False
    strangers = len(words) - sum(handles[handle] for handle in shared)
    return strangers <= 1 + len(words) // 16
