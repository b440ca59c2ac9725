# SPDX-License-Identifier: Apache-2.0
"""memtrace report: Say what leaks, what the peak is made of, where fragmentation is; list who allocated, and when."""

from __future__ import annotations

from argparse import Namespace
from typing import Dict, Iterator, List, Optional, Sequence, Tuple

from gdbext.analyse.profile.conclusions import conclude
from gdbext.analyse.profile.grouping import HEAP, LIBRARY, MODULE, TASK
from gdbext.analyse.profile.growth import Ends, ends_of
from gdbext.analyse.profile.holes import holes_of
from gdbext.analyse.profile.tree import tree_of
from gdbext.analyse.profile.usage import (
    heap_peaks_of,
    library_symbols_of,
    odd_frees_of,
    shares_of,
    sites_of,
    totals_of,
    with_newest,
)
from gdbext.collect.profiled import followed, profiled
from gdbext.collect.profiles import Profiled
from gdbext.commands.command import Argument, Command
from gdbext.commands.filters import limit_of, why_empty
from gdbext.commands.profile_arguments import COMMON, SPAN
from gdbext.model.errors import UserError
from gdbext.model.profile import Live, Mark, Profile
from gdbext.model.reports.report import GrowthWindows, LogMark, Site, Timeline, UsageReport
from gdbext.model.said import Said, said
from gdbext.report.text.report import report_lines
from gdbext.target.target import Target

_DEVICE = 6  # kind of memory
_SECTIONS = (
    ("leaks", "the sites that hold memory at the end, with their growth, their stacks, and what they look like"),
    ("top", "the sites that allocated the most bytes"),
    ("peak", "the sites that held the most when most was live"),
    ("timeline", "live bytes over time"),
    ("tasks", "what each task has used"),
    ("modules", "what each tag has used: the parts of the program that are named so"),
    ("libraries", "what each loaded file has used"),
    ("heaps", "what each heap has used"),
    ("temporary", "the sites whose blocks are freed before anyone allocates again"),
    ("flat", "the sites by their own peaks, without a tree"),
)
_FOLLOW = Argument(
    "--follow",
    "report again whenever the log has grown, until Ctrl-C: only what is new is read",
    {"action": "store_true"},
)
_BY = Argument(
    "--by",
    "list who holds memory: each function of each loaded file, as library::symbol, of what it has allocated itself; or "
    "what each loaded file, or each thread, has used",
    {"choices": ["library-symbol", "library", "thread"]},
)
_BY_SECTION = {"library": "libraries", "thread": "tasks"}
_NEWEST = Argument(
    "--newest",
    "of --leaks: the sites with the newest live blocks first; with --since and --until: what grew from mark to mark",
    {"action": "store_true"},
)
_PROCESSES = Argument(
    "--processes",
    "of the logs of a run's processes: who started whom, and what each has used, alone",
    {"action": "store_true"},
)
_CHOICES = tuple(Argument(f"--{name}", what, {"action": "store_true"}) for name, what in _SECTIONS)


def collect_profile(target: Target, options: Namespace) -> Profiled:
    """Replays the log or the trace."""
    if options.follow:
        raise UserError("--follow goes on with a log, in the shell: of a target, ask again instead")
    options.limit = limit_of(options, target.settings.limit) or 0
    return profiled(target, options)


def follow(target: Target, options: Namespace) -> Iterator[Profiled]:
    """Replays a log that is still being written."""
    options.limit = limit_of(options, target.settings.limit) or 0
    return followed(target, options)


def analyse(found: Profiled, options: Namespace) -> UsageReport:
    """Makes the report."""
    profile, grouping = found.profile, found.grouping
    ends = ends_of(profile)
    sites = with_newest(sites_of(profile, grouping, ends, found.untold), profile, grouping, found.live)
    totals = totals_of(profile, found.untold, found.wrong_frees)
    addressed = found.closing[0] is None or found.closing[0].addressed
    holes = None if found.live is None or not addressed else holes_of(profile.owners, _with_addresses(found))
    pin = None if not holes else _site_of(found, sites, holes[0].pin)
    failure = profile.failure
    return UsageReport(
        *found.closing,
        source=found.source,
        conclusions=conclude(sites, totals, ends, found.source.complete, holes, pin, addressed),
        totals=totals,
        sites=sites,
        tree=tree_of(profile, grouping, found.untold),
        timeline=Timeline(found.unit or ("time" if found.hz else "events"), found.hz, profile.timeline),
        tasks=shares_of(profile, grouping, TASK, found.untold),
        modules=shares_of(profile, grouping, MODULE, found.untold),
        libraries=shares_of(profile, grouping, LIBRARY, found.untold),
        heaps=shares_of(profile, grouping, HEAP, found.untold),
        library_symbols=library_symbols_of(profile, grouping, found.untold),
        marks=tuple(_mark(profile, mark) for mark in profile.marks),
        marks_left=profile.marks_left,
        windows=_windows(profile, ends._replace(kind="snapshots") if found.unit and ends.windows else ends),
        odd_frees=odd_frees_of(profile, grouping, found.wrong_frees, "invalid_frees" not in found.untold),
        assertion=None if failure is None else f"{failure[3]} in {failure[2]}, line {failure[1]}, seq {failure[0]}",
        runs=profile.runs,
        sections=_sections(options) or ("tree",),
        limit=options.limit,
        empty=why_nothing(found, options),
        next=_next_step(sites, options),
        peaks=heap_peaks_of(profile, grouping, found.untold),
        processes=found.processes,
        only_processes=getattr(options, "processes", False),
        newest_first=getattr(options, "newest", False),
    )


def _with_addresses(found: Profiled) -> Sequence[Live]:
    """Returns the live blocks whose addresses are those of memory: not the numbers of a device's buffers."""
    profile = found.profile
    devices = {number for number, (_, memory, _) in profile.heaps.items() if memory == _DEVICE}
    return [one for one in found.live or () if not devices or profile.owners[one.owner].heap not in devices]


def _next_step(sites: Sequence[Site], options: Namespace) -> Optional[Said]:
    """Returns the command that shows who leaks, or the blocks of those who do; else what the peak was made of."""
    shown = _sections(options)
    if any(site.class_ == "grows" and site.live_bytes for site in sites):
        return said("next-leaks") if "leaks" in shown else said("next-report", section="leaks")
    tells_peaks = any(site.at_peak_bytes for site in sites)
    return said("next-report", section="peak") if tells_peaks and "peak" not in shown else None


def _sections(options: Namespace) -> Tuple[str, ...]:
    chosen = tuple(name for name, _ in _SECTIONS if getattr(options, name))
    return chosen if options.by is None else (*chosen, _BY_SECTION.get(options.by, options.by))


def _site_of(found: Profiled, sites: Sequence[Site], owner: Optional[int]) -> Optional[Site]:
    """Returns the site of an owner by its number."""
    member = None if owner is None else found.grouping.members.get(found.profile.owners[owner])
    paths = set() if member is None else {member.path}
    return next((site for site in sites if not paths.isdisjoint(stack.path for stack in site.stacks)), None)


def _mark(profile: Profile, mark: Mark) -> LogMark:
    return LogMark(mark.seq, mark.time, profile.names.get(mark.name, (0, ""))[1])


def _windows(profile: Profile, ends: Ends) -> GrowthWindows:
    return GrowthWindows(ends.kind, tuple(_mark(profile, mark) for mark in ends.marks))


def why_nothing(found: Profiled, options: Namespace) -> Tuple[Said, ...]:
    """Returns why nothing is listed; () if something is."""
    if found.profile.owners:
        return ()
    events = said("events-in-trace", events=found.profile.totals.events)
    filters: Dict[str, object] = vars(options)
    tasks: List[Optional[str]] = found.grouping.tasks
    return why_empty(Namespace(**filters), events, tasks) if tasks else (said("profile-empty"),)


COMMAND = Command(
    __name__, __doc__, (*_CHOICES, _BY, _NEWEST, _PROCESSES, _FOLLOW, *COMMON, *SPAN), collect_profile, analyse,
    report_lines, UsageReport, follow=follow,
)  # fmt: skip
