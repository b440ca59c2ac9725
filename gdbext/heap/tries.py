# SPDX-License-Identifier: Apache-2.0
"""Bounds what a search for heaps tries.

Approach: bytes that are found fast only look like a heap; to recognise one takes some milliseconds. So each search has
a number of tries. A search that has used them up stops, and says from where on nothing was looked for.
Rejected: a bound by time (the same image would give different reports).
"""

from __future__ import annotations

from typing import List

from gdbext.model.said import Text, said


class Tries:
    """The tries that a search for heaps of a kind has."""

    def __init__(self, kind: str, most: int, left_out: List[Text]) -> None:
        self._kind = kind
        self._left = most
        self._left_out = left_out

    def another(self, place: int) -> bool:
        """Takes a try for a place. Returns False, and says so at the first one, if none is left."""
        self._left -= 1
        if self._left == -1:
            self._left_out.append(said("search-spent", kind=self._kind, place=place))
        return self._left >= 0

    def charge(self, more: int) -> None:
        """Takes more tries, for the last one was dear."""
        self._left -= min(more, max(0, self._left))
