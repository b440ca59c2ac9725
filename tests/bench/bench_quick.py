# SPDX-License-Identifier: Apache-2.0
"""What `make test-quick` costs a newcomer: CPU seconds of make, its workers and all that these start."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable

from tests.support.bench import Row
from tests.support.paths import ROOT

_MOST = 100.0


def _cpu_of_children() -> float:
    used = os.times()
    return used.children_user + used.children_system


def rows() -> Iterable[Row]:
    """Every process is waited for by its parent, so that all of them count. ARGS is ours, not pytest's."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    before = _cpu_of_children()
    done = subprocess.run(["make", "test-quick", "ARGS="], cwd=ROOT, env=env, capture_output=True, text=True)
    spent = _cpu_of_children() - before
    ended = done.stdout.strip().splitlines()[-1].strip("= ") if done.stdout.strip() else done.stderr.strip()
    yield Row(
        "make test-quick: CPU, user and system",
        spent,
        _MOST,
        "s",
        ended if done.returncode == 0 else f"FAILED: {ended}",
    )
