# SPDX-License-Identifier: Apache-2.0
"""Tells where memtrace's own files are, and which version this is.

Approach: setup.py puts `c_helpers/`, `openocd_cfg/` and a file with the commit into the package of a wheel. A checkout
has the two folders at its top level, and git knows the commit. setup.py also builds the recorder of Linux processes and
puts it beside the modules, in a checkout too; where it could not be built, it is absent.
Rejected: importlib.resources and importlib.metadata (GDB and OpenOCD want paths of files; memtrace is not installed in
GDB's Python; an editable install keeps the version of the day on which it was made).
Cost: `commit` runs git once in a checkout. The rest only looks at folders.
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
RECORDER = "libmemtrace.so"
COMMIT_FILE = "commit.txt"
UNKNOWN = "unknown"
_GIT_SECONDS = 20
_MOST_CHARACTERS = 80


def folder(name: str) -> Path:
    """Returns the path of one of FOLDERS: inside the package if it was installed, else beside it."""
    inside = PACKAGE / name
    return inside if inside.is_dir() else PACKAGE.parent / name


def paths() -> Dict[str, Path]:
    """Returns the paths that a user may hand to another program: GDB's `source`, a compiler, OpenOCD, LD_PRELOAD."""
    built = {RECORDER: PACKAGE / RECORDER} if (PACKAGE / RECORDER).is_file() else {}
    return {EXTENSION.name: EXTENSION, **{name: folder(name) for name in FOLDERS}, **built}


def version() -> str:
    """Returns the line that `memtrace --version` prints."""
    return f"memtrace {__version__} (commit {commit()})"


def commit() -> str:
    """Returns the commit that the package was built from, else the one checked out, else `unknown`."""
    try:
        text = (PACKAGE / COMMIT_FILE).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return checked_out(PACKAGE.parent)
    return text.strip()[:_MOST_CHARACTERS] or UNKNOWN


def checked_out(root: Path) -> str:
    """Returns git's description of a checkout of memtrace. `root` must be its top: any other repository is foreign."""
    if not ((root / ".git").exists() and all((root / name).is_dir() for name in FOLDERS)):
        return UNKNOWN
    # A git hook sets these variables for its own repository.
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    line = ["git", "--no-optional-locks", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        done = subprocess.run(line, env=env, capture_output=True, text=True, timeout=_GIT_SECONDS)
    except (OSError, subprocess.SubprocessError, ValueError):
        return UNKNOWN
    return done.stdout.strip()[:_MOST_CHARACTERS] or UNKNOWN
