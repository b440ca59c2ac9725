# SPDX-License-Identifier: Apache-2.0
"""`memtrace gdb` as a process, and the line that it refuses with."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence

from tests.support.paths import ROOT

BIN = str(ROOT / ".venv/bin")
PROGRAM = [f"{BIN}/python", "-m", "gdbext", "gdb"]
# With Debian's OpenOCD, whatever environment the tests run in; and with Espressif's.
DEBIANS = ":".join(folder for folder in os.environ.get("PATH", os.defpath).split(":") if folder != BIN)
ESPRESSIFS = f"{BIN}:{DEBIANS}"


def memtrace_gdb(words: Sequence[str], env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run it to its end."""
    full = {**os.environ, "PATH": DEBIANS, **(env or {})}
    return subprocess.run([*PROGRAM, *words], cwd=ROOT, env=full, capture_output=True, text=True, timeout=600)


def refused(words: Sequence[str], env: Mapping[str, str] | None = None) -> str:
    """The one line that it fails with."""
    done = memtrace_gdb(words, env)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    return done.stderr
