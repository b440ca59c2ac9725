# SPDX-License-Identifier: Apache-2.0
"""Writes a line of JSON for each birth and end of a block, with the fields of py_malloc_trace, then some of ours.

Approach: the log is read once more. `op` is 1 for a birth, 2 for an end; a reallocation is an end and a birth, as the
tool itself writes it in its older revision.
Cost: some 30 microseconds for each event.
Limits: `return_addr` has the addresses of the frames that the export has; of an end it is empty, as reports have no
stack for it.
"""

from __future__ import annotations

import json
from typing import Any, BinaryIO, Callable, Dict, Iterator

from gdbext.model.reports.export import ExportReport, Sample
from gdbext.report.export.frames import by_address, put_lines
from gdbext.report.outputs import Output

_BORN, _ENDED = 1, 2
_NONE = "(nil)"


def write_jsonl(report: ExportReport, _: Callable[[Any], Any], out: BinaryIO) -> None:
    """Writes the lines."""
    put_lines(out, _lines(report))


def _lines(report: ExportReport) -> Iterator[str]:
    stacks: Dict[int, str] = {}
    names: Dict[int, str] = {}
    for move in report.moves():
        if move.sample not in stacks:
            sample = report.samples[move.sample]
            stacks[move.sample] = json.dumps([f"{frames[-1].pc:#x}" for frames in by_address(sample.frames)])
            names[move.sample] = _names(sample)
        op, stack, size = (_BORN, stacks[move.sample], move.size) if move.born else (_ENDED, "[]", 0)
        when = "".join(f', "{name}": {at}' for name, at in (("seq", move.seq), ("time", move.time)) if at is not None)
        yield (
            f'{{"op": {op}, "p": "{move.address:#x}", "p2": "{_NONE}", "size": {size}, "return_addr": {stack}{when}'
            f"{names[move.sample] if move.born else ''}}}"
        )


def _names(sample: Sample) -> str:
    told = (("task", sample.task), ("module", sample.module), ("heap", sample.heap))
    return "".join(f', "{name}": {json.dumps(text)}' for name, text in told if text is not None)


OUTPUT = Output((".jsonl", ".ndjson"), write_jsonl, (ExportReport,))
