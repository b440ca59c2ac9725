# SPDX-License-Identifier: Apache-2.0
"""memtrace export: Write what was recorded for other tools: pprof, speedscope, heaptrack, DHAT, flame graphs."""

from __future__ import annotations

from argparse import Namespace
from typing import List, Tuple

from gdbext.analyse.profile.grouping import HEAP, MODULE, TASK, heap_name
from gdbext.analyse.profile.usage import shares_of, totals_of
from gdbext.collect.profiled import profiled
from gdbext.collect.profiles import Profiled
from gdbext.commands.arguments import RSP, TRACE
from gdbext.commands.command import Argument, Command
from gdbext.commands.profile_arguments import FILTERS, SKIP, SPAN
from gdbext.model.errors import UserError
from gdbext.model.profile import Owner, Use
from gdbext.model.reports.export import ExportHeap, ExportReport, Mapping, Sample
from gdbext.model.reports.report import LogMark, Timeline
from gdbext.report.export.metrics import METRICS
from gdbext.report.text.export import export_lines
from gdbext.trace.format import MEMORIES

_METRIC = Argument(
    "--metric",
    "what the form that has one number a stack (folded) has. Without it: live",
    {"metavar": "METRIC", "choices": list(METRICS), "default": "live"},
)
_ALL_FRAMES = Argument(
    "--all-frames",
    "stacks with the frames of allocators and wrappers, and what --skip names; pprof is told to leave allocators out",
    {"action": "store_true"},
)


def analyse(found: Profiled, options: Namespace) -> ExportReport:
    """Makes the report."""
    profile, grouping = found.profile, found.grouping
    totals = profile.totals
    untold = tuple(metric.name for metric in METRICS.values() if metric.total in found.untold)
    if options.format == "folded" and options.metric in untold:
        raise UserError(f"the log cannot tell {METRICS[options.metric].what}: choose another --metric")
    samples = tuple(_sample(found, owner, use, options) for owner, use in zip(profile.owners, profile.uses))
    return ExportReport(
        *found.closing,
        source=found.source,
        totals=totals_of(profile, found.untold, found.wrong_frees),
        lost=totals.lost,
        samples=samples,
        mappings=found.mappings() or _around(samples, found),
        heaps=tuple(
            ExportHeap(heap_name(number, name), MEMORIES.get(memory, MEMORIES[0]), capabilities)
            for number, (name, memory, capabilities) in sorted(profile.heaps.items())
        ),
        by_heap=shares_of(profile, grouping, HEAP),
        by_task=shares_of(profile, grouping, TASK),
        by_module=shares_of(profile, grouping, MODULE),
        timeline=Timeline(found.unit or ("time" if found.hz else "events"), found.hz, profile.timeline),
        marks=tuple(LogMark(one.seq, one.time, profile.names.get(one.name, (0, ""))[1]) for one in profile.marks),
        first_time=totals.first_time,
        last_time=totals.last_time,
        peak_time=totals.peak_time,
        first_seq=totals.first_seq,
        last_seq=totals.last_seq,
        untold=untold,
        metric=options.metric,
        all_frames=options.all_frames,
    ).with_moves(found.moves)


def _sample(found: Profiled, owner: Owner, use: Use, options: Namespace) -> Sample:
    member = found.grouping.members[owner]
    return Sample(
        frames=member.whole if options.all_frames else member.frames,
        path=member.path,
        task=member.task,
        module=member.module,
        library=member.library,
        heap=heap_name(owner.heap, member.heap) if owner.heap or member.heap else None,
        **vars(use),
    )


def _around(samples: Tuple[Sample, ...], found: Profiled) -> Tuple[Mapping, ...]:
    """Returns one mapping around all addresses, where no file tells what was loaded."""
    pcs: List[int] = [frame.pc for sample in samples for frame in sample.frames if frame.pc]
    name = found.source.file or found.source.format
    return (Mapping(min(pcs) - 1, max(pcs) + 1, name, found.closing[3]),) if pcs else ()


COMMAND = Command(
    __name__, __doc__, (*FILTERS, SKIP, _METRIC, _ALL_FRAMES, *TRACE, RSP, *SPAN), profiled, analyse, export_lines,
    ExportReport,
)  # fmt: skip
