# SPDX-License-Identifier: Apache-2.0
"""Writes the JSON of valgrind's DHAT, version 2: for its own viewer and for Firefox's profiler.

Approach: a point for each stack. The lifetimes of freed blocks are summed up, which gives DHAT's average lifetime. Of
the samples of one stack in several tasks or heaps the peaks do not sum up: the stack has held at least as much at once
as each of them, as all at the global peak, and as all at the end. The most of these is its maximum here.
Limits: time is the log's: ticks of its clock, or events. Blocks of a listing were not seen to be allocated: they are
there at the end alone.
"""

from __future__ import annotations

import json
from typing import Any, BinaryIO, Callable, Dict, List, Sequence, Tuple

from gdbext.model.events import Frame, Stack
from gdbext.model.reports.export import ExportReport, Sample
from gdbext.report.export.frames import NO_STACK, file_of, name_of, remarks_of
from gdbext.report.outputs import Output

_UNITS = {1_000: "ms", 1_000_000: "µs", 1_000_000_000: "ns"}  # by ticks a second


def write_dhat(report: ExportReport, _: Callable[[Any], Any], out: BinaryIO) -> None:
    """Writes one JSON object."""
    table, peaks = _Frames(), "peak" not in report.untold
    stacks: Dict[Tuple[int, ...], List[Sample]] = {}
    for sample in report.samples:
        stacks.setdefault(tuple(table.numbers(sample.frames)), []).append(sample)
    points = [_point(samples, list(frames), peaks) for frames, samples in stacks.items()]
    if report.timeline.hz:
        unit = _UNITS.get(report.timeline.hz, "ticks")
        first, last, peak = report.first_time or 0, report.last_time or 0, report.peak_time
    else:
        unit, peak = report.timeline.unit, report.totals.peak_seq
        first, last = report.first_seq or 0, report.last_seq or 0
    whole = {
        "dhatFileVersion": 2,
        "mode": "heap",
        "verb": "Allocated",
        "bklt": True,
        "bkacc": False,
        "tu": unit,
        "Mtu": f"M{unit}",
        "tuth": 0,
        "cmd": "; ".join(remarks_of(report)),
        "pid": 0,
        "te": max(0, last - first),
        "tg": max(0, (peak or first) - first),
        "pps": points,
        "ftbl": table.made,
    }
    out.write(json.dumps(whole, separators=(",", ":")).encode() + b"\n")


def _point(samples: Sequence[Sample], frames: List[int], peaks: bool) -> Dict[str, Any]:
    live, live_blocks = sum(one.live_bytes for one in samples), sum(one.live_blocks for one in samples)
    peak = sum(one.at_peak_bytes for one in samples) if peaks else 0
    peak_blocks = sum(one.at_peak_blocks for one in samples) if peaks else 0
    return {
        "tb": sum(one.bytes for one in samples),
        "tbk": sum(one.allocations for one in samples),
        "tl": sum(one.lifetime for one in samples),
        "mb": max(peak, live, *(one.peak_bytes for one in samples)),
        "mbk": max(peak_blocks, live_blocks, *(one.peak_blocks for one in samples)),
        "gb": peak,
        "gbk": peak_blocks,
        "eb": live,
        "ebk": live_blocks,
        "fs": frames,
    }


class _Frames:
    """The table of frames."""

    def __init__(self) -> None:
        self._known: Dict[str, int] = {"[root]": 0}

    @property
    def made(self) -> List[str]:
        """The table."""
        return list(self._known)

    def numbers(self, frames: Stack) -> List[int]:
        """Returns the numbers of a stack's frames, innermost first."""
        texts = [_text(frame) for frame in frames] or [NO_STACK]
        return [self._known.setdefault(text, len(self._known)) for text in texts]


def _text(frame: Frame) -> str:
    file = file_of(frame)
    where = f"{file}:{frame.line}" if file and frame.line else f"in {file or '???'}"
    return f"0x{frame.pc:X}: {name_of(frame)} ({where})"


OUTPUT = Output((".dhat.json", ".dhat"), write_dhat, (ExportReport,))
