# SPDX-License-Identifier: Apache-2.0
"""The report of `memtrace explain`: what a console text says happened."""

from __future__ import annotations

from typing import Optional, Tuple

from gdbext.model.events import Stack
from gdbext.model.record import Record
from gdbext.model.reports.base import Report
from gdbext.model.said import Said


class Explained(Record):
    """One crash, and what happened as far as the text shows it."""

    situation: str  # such as "overflow"; docs/reference/json.md lists all
    certainty: str  # "shown", "likely" or "possible"
    line: int  # of the text: where it begins
    chip: Optional[str]  # such as "esp32c3"
    framework: Optional[str]  # such as "ESP-IDF v5.2.3"
    addresses: Tuple[int, ...]  # of the mark, of the memory that was accessed
    expected: Optional[int]  # what a check expected at the address
    got: Optional[int]  # and what it found
    got_is: Optional[str]  # what that is: "text", "pointer", "fill", "zero-byte", "one-bit"
    by: Optional[int]  # so many bytes were written past a block's end
    backtrace: Stack  # innermost first
    text: Tuple[Said, ...]  # what happened first, then why
    next: Tuple[Said, ...]  # what to do
    task: Optional[str] = None
    core: Optional[int] = None
    times: int = 1  # so many crashes in a row are this one
    same_as: Optional[int] = None  # line of the crash that this one repeats


class LeakGroup(Record):
    """Blocks of a listing in the text that were allocated by the same calls."""

    source: str  # what printed the listing
    blocks: int
    bytes: Optional[int]
    frames: Stack  # innermost first


class ExplainReport(Report):
    """The report of `memtrace explain`."""

    crashes: Tuple[Explained, ...]
    leaks: Tuple[LeakGroup, ...]  # of listings in the text, the most bytes first: not every block in one is a leak
    lines: int  # that were read
    remarks: Tuple[Said, ...] = ()  # what else the text shows
