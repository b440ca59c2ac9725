# SPDX-License-Identifier: Apache-2.0
"""Tells whether the free memory that a program prints from time to time falls for good.

Approach: the last run of the program counts, which begins where the number jumps back up. It falls if its last quarter
lies below all of its first, by more than a twentieth. What goes up and down, as with each connection, does not.
Limits: at least 12 readings; that memory is not given back may be a leak, or a cache that still fills up.
"""

from __future__ import annotations

from typing import Optional, Sequence

from gdbext.model.said import Said, said

_LEAST, _PARTS, _LEAST_LOSS = 12, 4, 20


def falling(readings: Sequence[int]) -> Optional[Said]:
    """Returns what the readings of free memory show, in their order; None if they do not fall."""
    run = _last_run(readings)
    if len(run) < _LEAST:
        return None
    part = len(run) // _PARTS
    first, last = run[:part], run[-part:]
    if max(last) >= min(first) or (min(first) - max(last)) * _LEAST_LOSS < min(first):
        return None
    each = (run[0] - run[-1]) // (len(run) - 1)
    return said("free-falls", first=run[0], last=run[-1], count=len(run), each=each)


def _last_run(readings: Sequence[int]) -> Sequence[int]:
    """Returns the readings since the program has started last."""
    start = 0
    for index in range(1, len(readings)):
        lost, gained = readings[start] - readings[index - 1], readings[index] - readings[index - 1]
        if lost * _LEAST_LOSS > readings[start] and gained * 2 > lost:
            start = index
    return readings[start:]
