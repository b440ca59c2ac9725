# SPDX-License-Identifier: Apache-2.0
"""A log of 10^9 events, 16 GB, that is read while it is written: in constant memory."""

from __future__ import annotations

import resource
import tempfile
from collections.abc import Iterable
from pathlib import Path

from gdbext.trace.replay import Wish
from tests.bench import churn
from tests.support.bench import Row

EVENTS, LIVE = 1_000_000_000, 10_000


def rows() -> Iterable[Row]:
    """Memory of the engine, and of the whole process before and after."""
    with tempfile.TemporaryDirectory() as folder:
        program = churn.build(Path(folder))
        before = _resident()
        with churn.piped(program, "rows32", EVENTS, LIVE) as log:
            seconds, profile, most = churn.replayed(log, Wish())
    assert profile.totals.events == EVENTS and profile.totals.lost == profile.totals.unread == 0
    yield Row(
        "replay of an event, 10^9 of them through a pipe", seconds, None, "ns", f"peak {profile.totals.peak_bytes:,}"
    )
    yield Row("memory of the engine, 10^9 events", most / 1e6, 2, "MB", f"{profile.totals.peak_blocks:,} live blocks")
    yield Row("memory that the process has grown by", (_resident() - before) / 1e3, 8, "MB")


def _resident() -> int:
    """The most kilobytes that this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
