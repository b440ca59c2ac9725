# SPDX-License-Identifier: Apache-2.0
"""The part that all reports share: the trace, the checks that were skipped, and the cost."""

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
    """What a report cost the link. `reads` counts requests to the source."""

    bytes: int
    reads: int
    seconds: float
    interrupted: bool = False  # true if Ctrl-C ended the reading; the report concludes nothing from what was not read


class Report(Record):
    """The fields that every report has. They come last in JSON."""

    trace: Optional[TraceInfo]
    skipped: Tuple[Skipped, ...]
    cost: Cost
    build_id: Optional[str]  # of the program whose symbols were used, as hex; None if not known
