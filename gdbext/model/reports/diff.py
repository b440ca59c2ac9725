# SPDX-License-Identifier: Apache-2.0
"""The data of `memtrace diff`: what grew between two logs, or between two marks of one."""

from __future__ import annotations

from typing import Optional, Tuple

from gdbext.model.events import Stack
from gdbext.model.record import Record
from gdbext.model.reports.base import Report
from gdbext.model.said import Said


class DiffPoint(Record):
    """One of the two points that are compared. None is what its log cannot tell."""

    file: Optional[str]  # None: a target's memory
    mark: Optional[str]  # None: the end
    build_id: Optional[str]
    live_bytes: int
    live_blocks: Optional[int]
    peak_bytes: Optional[int]


class SiteChange(Record):
    """One path of calls, and how what it holds has changed."""

    function: Optional[str]
    file: Optional[str]
    line: Optional[int]  # in the newer program, if that has the path
    path: str  # names the path across builds
    bytes_change: int
    blocks_change: Optional[int]  # None: one of the logs counts no blocks
    from_bytes: int
    to_bytes: int
    frames: Stack


class DiffReport(Report):
    """The report of `memtrace diff`. `sites` lists what has changed, the most grown first."""

    from_: DiffPoint
    to: DiffPoint
    sites: Tuple[SiteChange, ...]
    vanished: Tuple[SiteChange, ...]  # paths that held memory at the first point, and of which the second has no event
    limit: int  # entries that the text lists; 0: all
    empty: Tuple[Said, ...]  # if nothing is listed, why
