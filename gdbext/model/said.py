# SPDX-License-Identifier: Apache-2.0
"""What a report can tell, as facts: a sentence by its key, with the values that fill it. Its words are report/'s.

Approach: `said("size-word", place=..., stored=...)` where something is found; `words()` of report/sentences.py where it
is shown. So every fact reaches JSON as a field, and no sentence is made twice.
Rejected: a class for each sentence (two hundred of them, which say no more than a key and its names).
"""

from __future__ import annotations

from typing import Tuple, Union

from gdbext.model.record import Record

Fact = Union[int, str, float, None, "Said", Tuple["Fact", ...]]


class Said(Record):
    """One sentence that a report can tell, or a part of one."""

    key: str  # of its template
    values: Tuple[Tuple[str, Fact], ...] = ()  # by the names of the template's blanks


Text = Union[str, Said]


def said(key: str, **values: Fact) -> Said:
    """A sentence by its key and its facts."""
    return Said(key, tuple(values.items()))


class Trouble(ValueError):
    """Something cannot be read, or cannot be what it claims to be; `why` says it."""

    def __init__(self, why: Said) -> None:
        super().__init__(why.key)
        self.why = why
