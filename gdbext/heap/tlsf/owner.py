# SPDX-License-Identifier: Apache-2.0
"""How far the user's pointer lies behind the allocator's own: the owner word of ESP-IDF's task tracking.

Approach: with task tracking every used block begins with the handle of the task that owns it, so all first words are
few different, aligned, near pointers, most of them of several blocks, or NULL. Without it they are what users write.
One block may be without (the first, in 5.2.0).
Rejected: asking debug information; the option leaves no type of its own behind.
Limits: fewer than four used blocks cannot tell, and count as blocks without owners.
"""

from __future__ import annotations

from collections import Counter
from typing import Iterable, List, Mapping

_FEWEST_BLOCKS = 4
_LEAST_NAMED = 4  # one block in so many has an owner at the least
_MOST_TASKS = 64
LOWEST_POINTER = 0x10000
_LARGEST_SPREAD = 64 << 20


def strangers(words: Mapping[int, int], width: int) -> List[int]:
    """Keys of the words that can be no task's handle: odd ones, and those far from all that several blocks share."""
    shared = [handle for handle, count in _handles(words.values(), width).items() if count > 1]
    if not shared:
        return []
    low, high = min(shared) - _LARGEST_SPREAD, max(shared) + _LARGEST_SPREAD
    return [key for key, word in words.items() if word and (word % width or not low <= word <= high)]


def _handles(words: Iterable[int], width: int) -> Mapping[int, int]:
    """What may be handles, with how many blocks have them."""
    return Counter(word for word in words if word >= LOWEST_POINTER and word % width == 0)


def are_owners(words: List[int], width: int) -> bool:
    """Whether these are the handles of a few tasks, each of many blocks. Any number of blocks may have none: those that
    were allocated before the scheduler ran.
    """
    before, words = len(words), [word for word in words if word]
    if len(words) < max(_FEWEST_BLOCKS, before // _LEAST_NAMED):
        return False
    handles = _handles(words, width)
    shared = {handle: count for handle, count in handles.items() if count > 1}
    if not shared or len(shared) > _MOST_TASKS or max(shared) - min(shared) > _LARGEST_SPREAD:
        return False
    most = 2 * sum(shared.values()) >= len(words)
    near = range(max(shared) - _LARGEST_SPREAD, min(shared) + _LARGEST_SPREAD) if most else shared
    others = len(words) - sum(count for handle, count in handles.items() if handle in near)
    return others <= 1 + len(words) // 16
