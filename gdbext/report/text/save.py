# SPDX-License-Identifier: Apache-2.0
"""`memtrace save` as text."""

from __future__ import annotations

from typing import Iterator

from gdbext.model.reports.save import SaveReport
from gdbext.report.numbers import counted, size_words
from gdbext.report.text.closing import skipped_lines
from gdbext.report.text.words import cost_words, trace_words


def save_lines(report: SaveReport) -> Iterator[str]:
    """Yields what the file contains, and how to open it."""
    yield from skipped_lines(report.skipped)
    parts = [counted(report.heaps, "heap"), f"{size_words(report.bytes)} in {counted(report.ranges, 'range')}"]
    parts.append(counted(report.threads, "thread") if report.threads else "no registers: this machine is not known")
    yield f"saved {report.file}: {', '.join(parts)}; {trace_words(report.trace)}; read {cost_words(report.cost)}"
    yield f"open it with `core-file {report.file}`, or in the shell: memtrace check {report.file} --elf APP.elf"
