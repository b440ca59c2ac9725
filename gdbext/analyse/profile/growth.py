# SPDX-License-Identifier: Apache-2.0
"""Judges growth: whether the live bytes of a site rise again and again, rose once, or were freed later.

Over N windows a site *grows* if its live bytes rise in at least N - 1 of them, and end higher than they began by more
than a block (the mean of what it allocates). It was *freed* if it holds nothing at the end, or no more than at the
beginning after it has only fallen since the middle. It grew *once* if it holds something, and less than half a block
has changed since the middle. Else nothing is said.
Approach: windows lie between marks if the log has three or more. Else the log is cut into at most 8 parts of as many
events each: a slow leak rises in a long part, and not in each of many short ones. With two windows both must rise: one
of two is what any start does. What comes and goes at random rises in seven of eight parts now and then. So, without
marks, of all pairs of the up to 65 finer ends, those of the first part aside, in which all begins, the ones that rise
must outweigh the ones that fall by half of all.
Rejected: the slope of a line through all ends (one large block at the start makes one).
Limits: what rises and falls within one window is not seen.
"""

from __future__ import annotations

from typing import List, NamedTuple, Sequence, Tuple

from gdbext.model.profile import Mark, Profile

MOST_PARTS = 8
_FEWEST_MARKS = 3
_FEWEST_WINDOWS = 2
_TOLERANT = 3  # from so many windows on one of them may not rise
GROWS, ONCE, FREED, UNKNOWN = "grows", "once", "freed", "unknown"


class Ends(NamedTuple):
    """The ends of the windows that count: their kind, what they are, and each owner's live bytes there."""

    kind: str  # "marks", "parts" or "none"
    marks: Tuple[Mark, ...]
    live: Tuple[Tuple[int, ...], ...]  # a row an owner
    finer: Tuple[Tuple[int, ...], ...] = ()  # the same at finer ends, where there are any

    @property
    def windows(self) -> int:
        """The number of windows."""
        return max(0, len(self.marks) - 1)


def ends_of(profile: Profile) -> Ends:
    """Returns the ends of the windows over which growth is judged."""
    marked = [number for number, end in enumerate(profile.by_mark.ends) if end.name]
    if len(marked) >= _FEWEST_MARKS:
        return _picked("marks", profile.by_mark.ends, profile.by_mark.live, marked)
    last = len(profile.by_time.ends) - 1
    if last < _FEWEST_WINDOWS:
        return Ends("none", (), ())
    parts = min(last, MOST_PARTS)
    picked = [number * last // parts for number in range(parts + 1)]
    ends, live = profile.by_time.ends, profile.by_time.live
    finer = _picked("parts", ends, live, range(len(ends)))
    return _picked("parts", ends, live, picked)._replace(finer=finer.live)


def _picked(kind: str, ends: Sequence[Mark], live: Sequence[Sequence[int]], picked: Sequence[int]) -> Ends:
    rows: List[Tuple[int, ...]] = []
    for row in live:
        missing = len(ends) - len(row)
        rows.append(tuple(row[number - missing] if number >= missing else 0 for number in picked))
    return Ends(kind, tuple(ends[number] for number in picked), tuple(rows))


def grown(row: Sequence[int]) -> int:
    """Returns the number of windows in which live bytes rose."""
    return sum(later > earlier for earlier, later in zip(row, row[1:]))


def is_trend(row: Sequence[int]) -> bool:
    """Tells whether a row rises as a whole, its first part aside: pairs that rise outweigh those that fall by half."""
    row = row[len(row) // MOST_PARTS :]
    signs = [(later > one) - (later < one) for number, one in enumerate(row) for later in row[number + 1 :]]
    return sum(signs) >= len(signs) / 2


def class_of(row: Sequence[int], block: float, allocations: int, live_bytes: int, finer: Sequence[int] = ()) -> str:
    """Returns the class of a site from its live bytes at the ends of windows. `block` is its mean size."""
    windows = len(row) - 1
    if windows < _FEWEST_WINDOWS:
        return FREED if allocations and not live_bytes else UNKNOWN
    needed = windows - 1 if windows >= _TOLERANT else windows
    change = row[-1] - row[0]
    if grown(row) >= needed and change > block and is_trend(finer):
        return GROWS
    late = row[(windows + 1) // 2 :]
    if not live_bytes or (change <= 0 and late[0] > late[-1] and not grown(late)):
        return FREED if allocations else UNKNOWN
    return ONCE if max(late) - min(late) <= block / 2 else UNKNOWN
