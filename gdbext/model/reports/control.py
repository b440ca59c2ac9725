# SPDX-License-Identifier: Apache-2.0
"""The data of `memtrace start`, `stop`, `frees-only` and `mark`."""

from __future__ import annotations

from typing import Optional

from gdbext.model.reports.base import Report
from gdbext.model.said import Text


class ControlReport(Report):
    """The report of `start`, `stop`, `frees-only` and `mark`: what the recorder was asked."""

    request: str
    name: Optional[str]
    ring: int  # its address; 0 if a process was asked
    state: str
    text: Text
    process: Optional[int] = None  # the number of the process that was asked; None: a ring was
    log: Optional[str] = None  # that the process writes
    obeyed: Optional[bool] = None  # by now; None: nobody waited
