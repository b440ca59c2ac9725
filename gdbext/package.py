# SPDX-License-Identifier: Apache-2.0
"""Where memtrace's own files are, and which memtrace this is.

Approach: a wheel has `c_helpers/` and `openocd_cfg/` inside the package and its commit in a file; setup.py puts them
there. A checkout has the folders at its top level, and git.
Rejected: importlib.resources and importlib.metadata (GDB and OpenOCD want paths of files; in GDB's Python memtrace is
not installed, and an editable install tells the version of the day on which it was made).
Cost: `commit` runs git once in a checkout; nothing else costs more than a look at a folder.
Assumptions: the package lies in a folder, not in a zip file.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Dict

from gdbext import __version__

PACKAGE = Path(__file__).resolve().parent
EXTENSION = PACKAGE / "memtrace.py"
FOLDERS = ("c_helpers", "openocd_cfg")
COMMIT_FILE = "commit.txt"
UNKNOWN = "unknown"
_GIT_SECONDS = 20
_LONGEST = 80


def folder(name: str) -> Path:
    """Where one of FOLDERS is: in the package if it was installed, else beside it."""
    inside = PACKAGE / name
    return inside if inside.is_dir() else PACKAGE.parent / name


def paths() -> Dict[str, Path]:
    """What a user may want to hand to another program: GDB's `source`, a compiler, OpenOCD."""
    return {EXTENSION.name: EXTENSION, **{name: folder(name) for name in FOLDERS}}


def version() -> str:
    """The line of `memtrace --version`."""
    return f"memtrace {__version__} (commit {commit()})"


def commit() -> str:
    """What the package was built from, or what is checked out; `unknown` where nothing tells."""
    try:
        text = (PACKAGE / COMMIT_FILE).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return checked_out(PACKAGE.parent)
    return text.strip()[:_LONGEST] or UNKNOWN


def checked_out(root: Path) -> str:
    """What git says of a checkout of memtrace; a repository further up is somebody else's."""
    if not ((root / ".git").exists() and all((root / name).is_dir() for name in FOLDERS)):
        return UNKNOWN
    # A hook of git has these variables set for its own repository.
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    line = ["git", "--no-optional-locks", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        done = subprocess.run(line, env=env, capture_output=True, text=True, timeout=_GIT_SECONDS)
    except (OSError, subprocess.SubprocessError, ValueError):
        return UNKNOWN
    return done.stdout.strip()[:_LONGEST] or UNKNOWN
