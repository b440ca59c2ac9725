# SPDX-License-Identifier: Apache-2.0
"""The twin of `memtrace start`, `stop`, `frees-only` and `mark`."""

from __future__ import annotations

from typing import Optional

from gdbext.model.reports.base import Report
from gdbext.model.said import Text


class ControlReport(Report):
    """What `start`, `stop`, `frees-only` or `mark` asked of the recorder."""

    request: str
    name: Optional[str]
    ring: int
    state: str
    text: Text
