# SPDX-License-Identifier: Apache-2.0
"""Compares what two profiles hold at their ends, path by path.

Approach: a path names its stack in both programs. So releases can be compared whose lines and addresses differ.
Rejected: comparing sites (a site that moved to another line would have vanished, and another would have come).
"""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Tuple

from gdbext.analyse.profile.grouping import Grouping
from gdbext.model.events import Stack
from gdbext.model.profile import Profile
from gdbext.model.reports.diff import SiteChange


class _Sum(NamedTuple):
    frames: Stack
    bytes: int
    blocks: int


def changes(
    before: Profile, old: Grouping, after: Profile, new: Grouping
) -> Tuple[Tuple[SiteChange, ...], Tuple[SiteChange, ...]]:
    """Returns the paths that hold more or less than before, the most grown first, and those that have vanished."""
    held, holds = _held(before, old), _held(after, new)
    none = _Sum((), 0, 0)
    changed: List[SiteChange] = []
    vanished: List[SiteChange] = []
    for path in {**held, **holds}:
        one, other = held.get(path, none), holds.get(path, none)
        change, blocks = _change(path, one, other), other.blocks - one.blocks
        if path not in holds and one.blocks:
            vanished.append(change)
        elif path in holds and (change.bytes_change or blocks):
            changed.append(change)
    return tuple(sorted(changed, key=_order)), tuple(sorted(vanished, key=_order))


def _order(change: SiteChange) -> Tuple[int, int, str]:
    return -change.bytes_change, -(change.blocks_change or 0), change.path


def _held(profile: Profile, grouping: Grouping) -> Dict[str, _Sum]:
    sums: Dict[str, _Sum] = {}
    for owner, use in zip(profile.owners, profile.uses):
        member = grouping.members.get(owner)
        if member is not None:
            known = sums.get(member.path, _Sum(member.frames, 0, 0))
            sums[member.path] = _Sum(known.frames, known.bytes + use.live_bytes, known.blocks + use.live_blocks)
    return sums


def _change(path: str, one: _Sum, other: _Sum) -> SiteChange:
    frames = other.frames or one.frames
    site = frames[0] if frames else None
    function, file, line = (None, None, None) if site is None else (site.function, site.file, site.line)
    return SiteChange(
        function, file, line, path, other.bytes - one.bytes, other.blocks - one.blocks, one.bytes, other.bytes, frames
    )
