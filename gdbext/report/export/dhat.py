# SPDX-License-Identifier: Apache-2.0
"""Writes the JSON of valgrind's DHAT, version 2: for its own viewer and for Firefox's profiler.

Approach: a point for each sample, so that its own peak stays exact. The lifetimes of freed blocks are summed up, which
gives DHAT's average lifetime.
Limits: time is the log's: ticks of its clock, or events. Blocks of a listing were not seen to be allocated: they are
there at the end alone.
"""

from __future__ import annotations

import json
from typing import Any, BinaryIO, Callable, Dict, List

from gdbext.model.events import Frame, Stack
from gdbext.model.reports.export import ExportReport, Sample
from gdbext.report.export.frames import NO_STACK, file_of, name_of, remarks_of
from gdbext.report.outputs import Output

_UNITS = {1_000: ("ms", "s"), 1_000_000: ("µs", "s"), 1_000_000_000: ("ns", "s")}


def write_dhat(report: ExportReport, _: Callable[[Any], Any], out: BinaryIO) -> None:
    """Writes one JSON object."""
    table, peaks = _Frames(), "peak" not in report.untold
    points = [_point(sample, table.numbers(sample.frames), peaks) for sample in report.samples]
    if report.timeline.hz:
        unit = _UNITS.get(report.timeline.hz, ("ticks",))[0]
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


def _point(sample: Sample, frames: List[int], peaks: bool) -> Dict[str, Any]:
    return {
        "tb": sample.bytes,
        "tbk": sample.allocations,
        "tl": sample.lifetime,
        "mb": sample.peak_bytes,
        "mbk": sample.peak_blocks,
        "gb": sample.at_peak_bytes if peaks else 0,
        "gbk": sample.at_peak_blocks if peaks else 0,
        "eb": sample.live_bytes,
        "ebk": sample.live_blocks,
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
