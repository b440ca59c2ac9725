# SPDX-License-Identifier: Apache-2.0
"""Answers the three questions of a report: what leaks, what the peak is made of, where fragmentation is.

Each answer has a number and a certainty: "shown" by the log, "likely", "possible", or "unknown".
A log shows who allocated and who freed. It does not show free lists: of fragmentation it tells no more than the holes
between live blocks.
"""

from __future__ import annotations

from typing import Optional, Sequence, Tuple

from gdbext.analyse.profile.growth import GROWS, ONCE, Ends
from gdbext.analyse.profile.holes import Holes
from gdbext.analyse.profile.sites import site_said
from gdbext.model.reports.report import Conclusion, Site, UsageTotals
from gdbext.model.said import Said, said

_MOST_NAMED = 3
_LIKELY_WINDOWS = 3


def conclude(
    sites: Sequence[Site],
    totals: UsageTotals,
    ends: Ends,
    complete: bool,
    holes: Optional[Sequence[Holes]],
    pin: Optional[Site],
    addressed: bool = True,
) -> Tuple[Conclusion, ...]:
    """Returns the three answers. `holes` is None if the live blocks were not looked at; `pin` is the first one's. The
    log has no addresses if it is not `addressed`.
    """
    where = _fragmentation(totals, holes, pin)
    if not addressed:
        where = Conclusion("fragmentation", "unknown", said("fragmentation-no-addresses"))
    return (_leak(sites, totals, ends, complete), _peak(sites, totals, complete), where)


def _named(site: Site) -> Said:
    """Returns the name of a site."""
    frames = site.stacks[0].frames
    return site_said(site.function or (f"{frames[0].pc:#x}" if frames else None), site.file, site.line)


def _leak(sites: Sequence[Site], totals: UsageTotals, ends: Ends, complete: bool) -> Conclusion:
    windows = ends.windows
    growing = sorted((one for one in sites if one.class_ == GROWS), key=lambda one: one.windows[0] - one.windows[-1])
    if growing:
        size = sum(one.windows[-1] - one.windows[0] for one in growing)
        named = tuple(map(_named, growing[:_MOST_NAMED]))
        each = said("leak-each", bytes=round(size / windows)) if ends.kind == "marks" else ""
        text = said("leak-grows", bytes=size, windows=windows, each=each, sites=len(growing), named=named)
        return Conclusion("leak", "likely" if windows >= _LIKELY_WINDOWS and complete else "possible", text)
    if not totals.allocations and not totals.live_bytes:
        why = said("leak-nothing") if totals.allocations is not None else said("leak-none-listed")
        return Conclusion("leak", "unknown", why)
    if not totals.live_bytes:
        return Conclusion("leak", "shown" if complete else "likely", said("leak-none", blocks=totals.allocations))
    named = tuple(map(_named, [one for one in sites if one.live_bytes][:_MOST_NAMED]))
    held = said("leak-held", bytes=totals.live_bytes, blocks=totals.live_blocks, named=named)
    if totals.live_blocks is None:
        held = said("leak-held-bytes", bytes=totals.live_bytes, named=named)
    if not windows:
        return Conclusion("leak", "unknown", said("leak-untold", held=held))
    size = sum(one.live_bytes for one in sites if one.class_ == ONCE)
    once = said("leak-once", bytes=size) if size else ""
    return Conclusion("leak", "possible", said("leak-not-growing", held=held, windows=windows, once=once))


def _peak(sites: Sequence[Site], totals: UsageTotals, complete: bool) -> Conclusion:
    if totals.peak_bytes is None:
        return Conclusion("peak", "unknown", said("peak-untold"))
    if not totals.peak_bytes:
        return Conclusion("peak", "unknown", said("peak-none"))
    largest = sorted(((one.at_peak_bytes, one) for one in sites if one.at_peak_bytes), key=lambda one: -one[0])
    parts = tuple(
        said("peak-part", bytes=size, percent=round(100 * size / totals.peak_bytes), site=_named(one))
        for size, one in largest[:_MOST_NAMED]
    )
    rest = said("peak-rest", sites=len(largest) - _MOST_NAMED) if len(largest) > _MOST_NAMED else ""
    at = "" if totals.peak_seq is None else said("peak-at", seq=totals.peak_seq)
    text = said("peak-made-of", bytes=totals.peak_bytes, at=at, parts=parts, rest=rest)
    return Conclusion("peak", "shown" if complete else "likely", text)


def _fragmentation(totals: UsageTotals, holes: Optional[Sequence[Holes]], pin: Optional[Site]) -> Conclusion:
    failed = said("fragmentation-failed", failed=totals.failed) if totals.failed else ""
    if holes is None:
        return Conclusion("fragmentation", "unknown", said("fragmentation-too-many", failed=failed))
    if not holes or not holes[0].holes:
        return Conclusion("fragmentation", "unknown", said("fragmentation-untold", failed=failed))
    worst = holes[0]
    pinned = "" if pin is None else said("fragmentation-pinned", bytes=worst.pinned, site=_named(pin))
    text = said(
        "fragmentation-holes", holes=worst.holes, bytes=worst.hole_bytes, largest=worst.largest, live=worst.live_bytes,
        span=worst.span, pinned=pinned, failed=failed,
    )  # fmt: skip
    return Conclusion("fragmentation", "possible", text)
