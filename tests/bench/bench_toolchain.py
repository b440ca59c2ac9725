# SPDX-License-Identifier: Apache-2.0
"""What the Xtensa tools took to build, once. The build notes it: nobody builds them again to measure."""

from __future__ import annotations

from collections.abc import Iterable

from tests.support.bench import Row
from tests.support.xtensa import toolchain

BOUND_MINUTES = 25


def rows() -> Iterable[Row]:
    """What this machine's tools took; no row if their build was interrupted and went on later."""
    minutes = toolchain().cpu_minutes
    if minutes is not None:
        yield Row("Xtensa compiler and GDB, from nothing", minutes, BOUND_MINUTES, "min", "CPU, noted then")
