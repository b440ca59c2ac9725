# SPDX-License-Identifier: Apache-2.0
"""What every report ends with: the trace, what was not looked at and why, and what it cost."""

from __future__ import annotations

from typing import Optional, Tuple

from gdbext.model.events import TraceInfo
from gdbext.model.record import Record
from gdbext.model.said import Text


class Skipped(Record):
    """A check that could not run, and why."""

    check: str
    why: Text


class Cost(Record):
    """What a report cost the link, and whether it was cut short: `reads` counts requests to the source."""

    bytes: int
    reads: int
    seconds: float
    interrupted: bool = False  # by Ctrl-C: the report is of what had been read, and concludes nothing from the rest


class Report(Record):
    """What every report has. In JSON it comes last."""

    trace: Optional[TraceInfo]
    skipped: Tuple[Skipped, ...]
    cost: Cost
    build_id: Optional[str]  # of the program whose symbols were used, as hex; None: not known
