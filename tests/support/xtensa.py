# SPDX-License-Identifier: Apache-2.0
"""The Xtensa tools that `make setup-xtensa` built: `toolchain().gdb` (windowed, de212), `.call0_gdb` (lx106), `.gcc`.

Missing tools are a failure that says how to get them; a test does not build them itself, because that takes longer than
any test may. The tests that need them are those that `needs_tools` tells by their names; tests/conftest.py puts these
last, has the tools built beside the others, and waits.
"""

from __future__ import annotations

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

from tests.support.paths import BUILD, ROOT
from tests.toolchain.where import Toolchain, locate

NAMED = re.compile(r"de212|lx106|esp32-like|esp8266-like|/test_xtensa\.py")
LOG = BUILD / "xtensa.log"
LOG_TAIL = 25


class XtensaMissingError(RuntimeError):
    """The toolchain has not been built on this machine."""


@cache
def _located() -> Toolchain:
    return locate()


def toolchain() -> Toolchain:
    """Return the finished toolchain, or fail with what to run and, where it was tried, how that ended."""
    if Tools.barred:
        raise XtensaMissingError(f"{Tools.barred} uses the Xtensa tools, which no part of its name says: see NAMED")
    tools = _located()
    if not tools.complete:
        raise XtensaMissingError(f"no Xtensa toolchain in {tools.folder}: run `make setup-xtensa`{Tools.failure}")
    return tools


def needs_tools(test: str) -> bool:
    """Whether a test needs the tools, by its node id."""
    return NAMED.search(test) is not None


class Tools:
    """The build that this process has started; `failure`: how it ended, `barred`: a test that must not ask for them."""

    failure = ""
    barred = ""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Build beside the tests what is missing. Of several processes, one builds and the others wait for its lock."""
        if _located().complete:
            return
        LOG.parent.mkdir(exist_ok=True)
        # A group of its own: its end is that of the compilers too.
        line = ["setpriv", "--pdeathsig", "TERM", sys.executable, "-m", "tests.toolchain"]
        with LOG.open("ab") as log:
            self._process = subprocess.Popen(
                line, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def wait(self) -> None:
        """Wait for the end of the build, however long it takes."""
        if self._process is not None and self._process.wait() != 0:
            Tools.failure = f"; building them ended so ({LOG}):\n{_tail(LOG)}"

    def stop(self) -> None:
        """End a build that nobody waits for any more; the next one goes on where it was."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()


def _tail(file: Path) -> str:
    return "\n".join(file.read_text(errors="replace").splitlines()[-LOG_TAIL:])
