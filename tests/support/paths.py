# SPDX-License-Identifier: Apache-2.0
"""Where things are. MEMTRACE_SHARED names the shared folder where it does not lie beside the repository."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
SHARED = Path(os.environ.get("MEMTRACE_SHARED") or ROOT.parent / "shared").resolve()
HEAPS = SHARED / "fixtures" / "heaps"
EXTENSION = ROOT / "gdbext" / "memtrace.py"


class FixturesMissingError(FileNotFoundError):
    """The shared fixtures are not where they should be: a failure, never a skip."""


def require(path: Path) -> Path:
    """Return `path` if it exists, else fail with one line that says how to name its folder."""
    if not path.exists():
        raise FixturesMissingError(f"no fixture at {path}: put shared/ beside the repository or set MEMTRACE_SHARED")
    return path
