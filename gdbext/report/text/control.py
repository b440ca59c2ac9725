# SPDX-License-Identifier: Apache-2.0
"""`memtrace start`, `stop`, `frees-only` and `mark` as text."""

from __future__ import annotations

from typing import Iterator

from gdbext.model.reports.control import ControlReport
from gdbext.report.sentences import words


def control_lines(report: ControlReport) -> Iterator[str]:
    """Yields the one line that says what the recorder was asked to do."""
    yield words(report.text)
