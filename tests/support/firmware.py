# SPDX-License-Identifier: Apache-2.0
"""The test firmware: built by tests/target/build.py into build/target/VARIANT/firmware.elf, by one process at a time.

Test workers run side by side and ask for the same variants; a file lock makes one of them build while the others wait,
and the build script itself finds what is current. Building anew in each worker would cost as much again and race.
"""

from __future__ import annotations

import fcntl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from tests.support.barred import refuse
from tests.support.paths import BUILD, ROOT

SCRIPT = ROOT / "tests" / "target" / "build.py"
TARGETS = BUILD / "target"
DEFAULT = "default"


class FirmwareError(RuntimeError):
    """The build failed; the message is the compiler's."""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on `path`, which is made; released even when the process dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def build(variant: str) -> Path:
    """Return the ELF of `variant`, built now if it is not current."""
    refuse("the test firmware")
    return _build(variant)


@cache
def _build(variant: str) -> Path:
    with locked(TARGETS / ".lock"):
        done = subprocess.run([sys.executable, str(SCRIPT), variant], cwd=ROOT, capture_output=True, text=True)
    elf = TARGETS / variant / "firmware.elf"
    if done.returncode != 0 or not elf.exists():
        raise FirmwareError(f"tests/target/build.py {variant} failed ({done.returncode})\n{done.stdout}{done.stderr}")
    return elf
