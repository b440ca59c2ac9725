# SPDX-License-Identifier: Apache-2.0
"""The data of `last-malloc`."""

from __future__ import annotations

from typing import Optional, Tuple

from gdbext.model.events import Life
from gdbext.model.memory import Place, Spot
from gdbext.model.reports.base import Report


class LastReport(Report):
    """The report of `last-malloc`."""

    address: int
    block: Optional[Place]
    generations: Tuple[Life, ...]
    older: int  # generations that are not listed
    spot: Optional[Spot] = None  # what lies at the address, if it is in no heap
