# SPDX-License-Identifier: Apache-2.0
"""Makes the profile of a log that has sums in place of calls: of what each stack has used, as another tool has counted.

Approach: the log names its stacks by what is live of them, so that a replay finds owners and nodes as in any log. Then
the tool's sums take the place of the replay's. What nobody can know of such a log is left out: order, windows, wrong
frees.
Rejected: as many events as the tool has counted (10^9 calls have a sum of one line).
Limits: a node's own peak is not the sum of its owners' peaks. It is told as the most that is known to have been live at
once: at the end, at the peak of all, or of one of its owners.
"""

from __future__ import annotations

from typing import Callable, Dict, Iterable, List, Sequence, Tuple

from gdbext.model.profile import Bucket, Mark, Owner, Profile, Totals, Use, Windows
from gdbext.model.record import fields_of, replace
from gdbext.model.said import Said, said
from gdbext.trace.importers import Level, Summed

_MOST_BUCKETS = 1024
_MOST_ENDS = 65
_NOTHING = Use(*[0] * len(fields_of(Use)))
_PEAKS = ("peak_bytes", "peak_blocks")


class ToldSums:
    """The sums that a log tells, by the numbers of its stacks, and what was live when."""

    def __init__(self) -> None:
        self._uses: Dict[int, Use] = {}
        self._live: Dict[int, Tuple[int, ...]] = {}
        self._levels: List[Level] = []

    def __bool__(self) -> bool:
        return bool(self._uses)

    @property
    def unit(self) -> str:
        """The unit of times; empty if there are none."""
        return self._levels[0].unit if self._levels else ""

    def add(self, stack: int, one: Summed) -> None:
        """Takes the sums of a stack, of which there may be several."""
        self._uses[stack] = _added((self._uses.get(stack, _NOTHING), one.use))
        before = self._live.get(stack, ())
        self._live[stack] = tuple(map(sum, zip(before, one.live))) if before else one.live

    def level(self, level: Level) -> None:
        """Takes what was live at a time."""
        self._levels.append(level)

    def of(self, profile: Profile, nodes_of: Callable[[Owner], Sequence[int]]) -> Profile:
        """Returns a replay's profile with the sums in it. `nodes_of` gives the numbers of an owner's nodes."""
        uses = tuple(self._uses.get(owner.stack, _NOTHING) for owner in profile.owners)
        members: List[List[Use]] = [[] for _ in profile.nodes]
        for owner, use in zip(profile.owners, uses):
            for node in nodes_of(owner):
                members[node].append(use)
        return replace(
            profile,
            totals=_totals(profile.totals, _added(uses), len(uses)),
            uses=uses,
            nodes=tuple(map(_added, members)),
            by_time=self._windows(profile.owners),
            timeline=_timeline(self._levels),
            oddities=(),
        )

    def doubts(self, profile: Profile) -> Tuple[Said, ...]:
        """Returns what cannot be in a profile that of() has returned."""
        totals = profile.totals
        most = max((use.peak_bytes for use in profile.uses), default=0)
        return (said("sums-unlikely"),) if max(most, totals.live_bytes) > totals.peak_bytes else ()

    def _windows(self, owners: Sequence[Owner]) -> Windows:
        """Returns the live bytes of owners at the levels that tell them."""
        ends = [Mark(number, one.time, 0) for number, one in enumerate(self._levels) if one.is_told]
        step = -(-len(ends) // _MOST_ENDS) or 1
        rows = (self._live.get(owner.stack, ()) for owner in owners)
        whole = [row if len(row) == len(ends) else (0,) * len(ends) for row in rows]
        return Windows(tuple(ends[::-step][::-1]), tuple(row[::-step][::-1] for row in whole))


def _added(uses: Iterable[Use]) -> Use:
    """Returns the sum of uses. Of their peaks, what is known to have been live at once."""
    rows = [tuple(getattr(use, name) for name in fields_of(Use)) for use in uses]
    total = Use(*map(sum, zip(*rows))) if rows else _NOTHING
    most = (max((row[number] for row in rows), default=0) for number in map(fields_of(Use).index, _PEAKS))
    bytes_, blocks = most
    return replace(
        total,
        peak_bytes=max(bytes_, total.live_bytes, total.at_peak_bytes),
        peak_blocks=max(blocks, total.live_blocks, total.at_peak_blocks),
    )


def _totals(totals: Totals, use: Use, owners: int) -> Totals:
    """Returns the totals of a log whose sums these are. Its records are its stacks."""
    return replace(
        totals,
        events=owners,
        allocations=use.allocations,
        frees=use.frees,
        bytes_allocated=use.bytes,
        temporary=0,
        live_bytes=use.live_bytes,
        live_blocks=use.live_blocks,
        peak_bytes=use.at_peak_bytes,
        peak_blocks=use.at_peak_blocks,
        at_peak_blocks=use.at_peak_blocks,
        peak_seq=None,
        peak_time=None,
    )


def _timeline(levels: Sequence[Level]) -> Tuple[Bucket, ...]:
    """Returns what was live over time."""
    step = -(-len(levels) // _MOST_BUCKETS) or 1
    parts = (levels[start : start + step] for start in range(0, len(levels), step))
    return tuple(
        Bucket(part[-1].time, min(one.bytes for one in part), max(one.bytes for one in part), part[-1].bytes, 0, 0)
        for part in parts
    )
