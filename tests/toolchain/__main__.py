# SPDX-License-Identifier: Apache-2.0
"""`python -m tests.toolchain`: build what is missing of the Xtensa toolchain, with progress, and say where it is."""

from __future__ import annotations

import os
import signal
import sys
import time
from types import FrameType

from tests.toolchain.build import build
from tests.toolchain.sources import CommandError
from tests.toolchain.where import CPU_MINUTES, MissingPackageError, locate


def end_group(number: int, _: FrameType | None) -> None:
    """Take the compilers along: they would go on by themselves."""
    signal.signal(number, signal.SIG_DFL)
    os.killpg(0, number)


def main() -> int:
    """Build and print the folder; silent where it is complete, but for that line."""
    started = time.monotonic()
    if os.getpgrp() == os.getpid():
        signal.signal(signal.SIGTERM, end_group)

    def say(text: str) -> None:
        print(f"xtensa {time.monotonic() - started:4.0f} s  {text}", flush=True)

    try:
        tools = locate()
        if not tools.complete:
            say(f"building compiler and GDB in {tools.folder}: once, about {CPU_MINUTES} CPU-minutes")
            build(tools, say)
    except (MissingPackageError, CommandError) as error:
        print(f"xtensa: {error}", file=sys.stderr)
        return 1
    print(f"xtensa: {tools.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
