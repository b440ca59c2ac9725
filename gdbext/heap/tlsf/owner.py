# SPDX-License-Identifier: Apache-2.0
"""Tells whether blocks begin with an owner word, which ESP-IDF's task tracking puts before the user's bytes.

Approach: with task tracking every used block begins with the handle of the task that owns it. So the first words are
NULL or a few aligned pointers close to each other, most of them shared by several blocks. Without task tracking the
first words are users' data. One block may lack the owner word (the first, in 5.2.0).
Rejected: asking debug information; the option leaves no type behind.
Limits: fewer than four used blocks count as blocks without owners.
"""

from __future__ import annotations

from collections import Counter
from typing import Iterable, List, Mapping

_FEWEST_BLOCKS = 4
_LEAST_NAMED = 4  # at least one block in so many must have an owner
_MOST_TASKS = 64
LOWEST_POINTER = 0x10000
_LARGEST_SPREAD = 64 << 20


def strangers(words: Mapping[int, int], width: int) -> List[int]:
    """Returns the keys of the words that cannot be a task's handle: they are not aligned, or far from all words that
    several blocks share.
    """
    shared = [handle for handle, count in _handles(words.values(), width).items() if count > 1]
    if not shared:
        return []
    low, high = min(shared) - _LARGEST_SPREAD, max(shared) + _LARGEST_SPREAD
    return [key for key, word in words.items() if word and (word % width or not low <= word <= high)]


def _handles(words: Iterable[int], width: int) -> Mapping[int, int]:
    """Returns the words that may be handles, each with its number of blocks."""
    return Counter(word for word in words if word >= LOWEST_POINTER and word % width == 0)


def are_owners(words: List[int], width: int) -> bool:
    """True if these words are the handles of a few tasks with many blocks each. Up to three blocks in four may have
    none: they were allocated before the scheduler ran.
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
