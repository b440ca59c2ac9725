# SPDX-License-Identifier: Apache-2.0
"""Makes the sites, shares and totals of a report from a profile and the grouping that it was replayed with.

Approach: sums over owners are exact, and are made here. Peaks of groups are not, and are those of the replay's nodes.
"""

from __future__ import annotations

from typing import Dict, FrozenSet, List, NamedTuple, Optional, Sequence, Tuple

from gdbext.analyse.profile.causes import causes_of
from gdbext.analyse.profile.grouping import HEAP, Grouping, Key, Member, heap_name
from gdbext.analyse.profile.growth import Ends, class_of, grown
from gdbext.model.events import Stack
from gdbext.model.profile import Live, Oddity, Profile, Use
from gdbext.model.record import replace
from gdbext.model.reports.report import HeapPeak, LibrarySymbol, OddFree, Share, Site, SiteStack, UsageTotals
from gdbext.trace.importers import WrongFree

_OF_PROCESSES = {4: "host", 5: "mapped", 6: "device"}  # kinds of memory, by their numbers in a log
_AS_TOTALS = {
    "allocations": "allocations",
    "bytes": "bytes_allocated",
    "live_blocks": "live_blocks",
    "peak_bytes": "peak_bytes",
    "at_peak_bytes": "peak_bytes",
    "temporary": "temporary",
}


class Held(NamedTuple):
    """An owner that was counted: its names, its use, and its live bytes at the ends of windows."""

    member: Member
    use: Use
    live: Tuple[int, ...]
    finer: Tuple[int, ...]


def totals_of(
    profile: Profile, untold: FrozenSet[str] = frozenset(), wrong_frees: Sequence[WrongFree] = ()
) -> UsageTotals:
    """Returns the totals. `untold` are the names of those that the log cannot tell. Wrong frees that its tool has found
    count where it tells of them alone.
    """
    one = profile.totals
    wrong = one.double_frees + one.interior_frees + one.unknown_frees
    totals = UsageTotals(
        one.allocations, one.frees, one.bytes_allocated, one.peak_bytes, one.at_peak_blocks, one.live_blocks,
        one.live_bytes, one.temporary, wrong, one.failed, one.events, one.peak_seq, one.peak_blocks, one.older,
        one.replaced,
    )  # fmt: skip
    totals = replace(totals, **dict.fromkeys(untold, None))
    found = sum(free.kind != "null" for free in wrong_frees)
    return replace(totals, invalid_frees=found + (totals.invalid_frees or 0)) if found else totals


def with_newest(
    sites: Sequence[Site], profile: Profile, grouping: Grouping, live: Optional[Sequence[Live]]
) -> Tuple[Site, ...]:
    """Returns the sites with the numbers of their newest live blocks, as far as these are known."""
    newest: Dict[Tuple[str, Stack], int] = {}
    for block in live or ():
        member = grouping.members.get(profile.owners[block.owner]) if 0 <= block.owner < len(profile.owners) else None
        if member is not None and block.seq is not None:
            way = member.path, member.frames
            newest[way] = max(newest.get(way, 0), block.seq)
    last = [max((newest.get((two.path, two.frames), -1) for two in one.stacks), default=-1) for one in sites]
    return tuple([one if seq < 0 else replace(one, newest=seq) for one, seq in zip(sites, last)])


def sites_of(
    profile: Profile, grouping: Grouping, ends: Ends, untold: FrozenSet[str] = frozenset()
) -> Tuple[Site, ...]:
    """Returns the sites, those with the most live bytes first. `untold` are as of totals_of()."""
    sites: Dict[Key, List[Held]] = {}
    for number, owner in enumerate(profile.owners):
        member = grouping.members.get(owner)
        if member is not None:
            live, finer = (rows[number] if number < len(rows) else () for rows in (ends.live, ends.finer))
            sites.setdefault(member.site, []).append(Held(member, profile.uses[number], live, finer))
    nodes = grouping.nodes(profile)
    found = [_site(owners, nodes[key].peak_bytes, ends) for key, owners in sites.items()]
    found.sort(key=lambda site: (-site.live_bytes, -(site.bytes or 0), site.function or "", site.line or 0))
    blank, no_count = _blank(untold), {name: None for name in ("allocations", "live_blocks") if name in untold}
    if not blank:
        return tuple(found)
    return tuple(
        [replace(one, **blank, stacks=tuple([replace(two, **no_count) for two in one.stacks])) for one in found]
    )


def _blank(untold: FrozenSet[str]) -> Dict[str, None]:
    """Returns the fields of a site, or of a share, that are None where these totals are not told."""
    return {name: None for name, total in _AS_TOTALS.items() if total in untold}


def _site(owners: List[Held], peak: int, ends: Ends) -> Site:
    stacks = _stacks(owners)
    first = owners[0].member.frames[0] if owners[0].member.frames else None
    row = tuple(map(sum, zip(*(owner.live for owner in owners)))) if ends.windows else ()
    finer = tuple(map(sum, zip(*(owner.finer for owner in owners))))
    uses = [owner.use for owner in owners]
    allocations, size = sum(use.allocations for use in uses), sum(use.bytes for use in uses)
    live = sum(use.live_bytes for use in uses)
    return Site(
        function=None if first is None else first.function,
        file=None if first is None else first.file,
        line=None if first is None else first.line,
        path=stacks[0].path,
        task=_only([owner.member.task for owner in owners]),
        module=_only([owner.member.module for owner in owners]),
        library=_only([owner.member.library for owner in owners]),
        allocations=allocations,
        bytes=size,
        live_blocks=sum(use.live_blocks for use in uses),
        live_bytes=live,
        peak_bytes=peak,
        at_peak_bytes=sum(use.at_peak_bytes for use in uses),
        temporary=sum(use.temporary for use in uses),
        windows_grown=grown(row) if row else None,
        class_=class_of(row, size / allocations if allocations else 0, allocations, live, finer),
        windows=row,
        looks_like=causes_of(owner.member.whole for owner in owners) if live else (),
        stacks=stacks,
    )


def _only(names: Sequence[Optional[str]]) -> Optional[str]:
    """Returns the name that all have; None if they have several."""
    return names[0] if len(set(names)) == 1 else None


def _stacks(owners: List[Held]) -> Tuple[SiteStack, ...]:
    """Returns the stacks of a site, those with the most live bytes first."""
    uses: Dict[Tuple[str, Stack], List[Use]] = {}
    for owner in owners:
        uses.setdefault((owner.member.path, owner.member.frames), []).append(owner.use)
    found = [
        SiteStack(
            frames, path, sum(use.live_bytes for use in all_uses), sum(use.live_blocks for use in all_uses),
            sum(use.allocations for use in all_uses),
        )
        for (path, frames), all_uses in uses.items()
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda stack: (-stack.live_bytes, -(stack.allocations or 0), stack.path)))


def shares_of(
    profile: Profile, grouping: Grouping, kind: str, untold: FrozenSet[str] = frozenset()
) -> Tuple[Share, ...]:
    """Returns what each task, module, library or heap has used, the one with the highest peak first. `untold` are as of
    totals_of().
    """
    found = []
    for key, use in grouping.nodes(profile).items():
        if key[0] == kind:
            found.append(
                Share(key[1], use.allocations, use.bytes, use.live_blocks, use.live_bytes, use.peak_bytes,
                      use.at_peak_bytes, use.temporary)
            )  # fmt: skip
    found.sort(key=lambda share: (-(share.peak_bytes or 0), share.name))
    return tuple([replace(one, **_blank(untold)) for one in found])


def heap_peaks_of(profile: Profile, grouping: Grouping, untold: FrozenSet[str] = frozenset()) -> Tuple[HeapPeak, ...]:
    """Returns the peak of each kind of memory that a process has used, in the order of their numbers."""
    peaks = {share.name: share.peak_bytes for share in shares_of(profile, grouping, HEAP, untold)}
    found = []
    for number, (name, memory, _) in sorted(profile.heaps.items()):
        known = heap_name(number, name or None)
        peak = peaks.get(known)
        if memory in _OF_PROCESSES and peak is not None:
            found.append(HeapPeak(known, _OF_PROCESSES[memory], peak))
    return tuple(found)


def library_symbols_of(
    profile: Profile, grouping: Grouping, untold: FrozenSet[str] = frozenset()
) -> Tuple[LibrarySymbol, ...]:
    """Returns what the innermost functions of all stacks have allocated, those that hold most first."""
    sums: Dict[Tuple[Optional[str], Optional[str]], List[int]] = {}
    for owner, use in zip(profile.owners, profile.uses):
        if owner in grouping.members:
            kept = sums.setdefault(grouping.innermost(owner), [0, 0, 0])
            kept[:] = kept[0] + use.allocations, kept[1] + use.live_blocks, kept[2] + use.live_bytes
    rows = [
        LibrarySymbol(
            library,
            symbol,
            None if "allocations" in untold else calls,
            None if "live_blocks" in untold else blocks,
            size,
        )
        for (library, symbol), (calls, blocks, size) in sums.items()
    ]
    return tuple(sorted(rows, key=lambda one: (-one.live_bytes, one.library or "", one.symbol or "")))


def odd_frees_of(
    profile: Profile, grouping: Grouping, wrong_frees: Sequence[WrongFree] = (), can_tell: bool = True
) -> Tuple[OddFree, ...]:
    """Returns the wrong frees with their names: those that the log's own tool has found, then those that were found
    here, where the log can tell.
    """
    told = [OddFree(one.kind, None, None, one.task, grouping.frames_of(one.stack), ()) for one in wrong_frees]
    return (*told, *(_odd_free(profile, grouping, oddity) for oddity in profile.oddities if can_tell))


def _odd_free(profile: Profile, grouping: Grouping, oddity: Oddity) -> OddFree:
    task, frames = grouping.named(oddity.owner, profile.stacks.get(oddity.owner.stack, ()))
    known = oddity.block is not None and 0 <= oddity.block < len(profile.owners)
    block = grouping.members.get(profile.owners[oddity.block or 0]) if known else None
    return OddFree(oddity.kind, oddity.seq, oddity.address, task, frames, () if block is None else block.frames)
