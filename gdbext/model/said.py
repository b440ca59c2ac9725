# SPDX-License-Identifier: Apache-2.0
"""The sentences of a report as facts: the key of a template, and the values for its blanks.

Approach: code that finds something calls `said("size-word", place=..., stored=...)`. Code that prints it calls
`words()` of report/sentences. So every fact reaches JSON as a field, and each sentence is made in one place.
Rejected: a class for each sentence (two hundred classes that say no more than a key and some names).
"""

from __future__ import annotations

from typing import Tuple, Union

from gdbext.model.record import Record

Fact = Union[int, str, float, None, "Said", Tuple["Fact", ...]]


class Said(Record):
    """A sentence of a report, or a part of one."""

    key: str  # names the template
    values: Tuple[Tuple[str, Fact], ...] = ()  # pairs: the name of a blank in the template, and its value


Text = Union[str, Said]


def said(key: str, **values: Fact) -> Said:
    """Makes a sentence from the key of its template and the values of its blanks."""
    return Said(key, tuple(values.items()))


class Trouble(ValueError):
    """Raised if data cannot be read, or cannot be what it claims to be. `why` is the reason."""

    def __init__(self, why: Said) -> None:
        super().__init__(why.key)
        self.why = why
