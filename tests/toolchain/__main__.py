# SPDX-License-Identifier: Apache-2.0
"""`python -m tests.toolchain`: build what is missing of the Xtensa toolchain, with progress, and say where it is."""

from __future__ import annotations

import os
import sys
import time

from tests.toolchain.build import build
from tests.toolchain.sources import CommandError
from tests.toolchain.where import MissingPackageError, locate


def main() -> int:
    """Build and print the folder; silent where it is complete, but for that line."""
    started = time.monotonic()

    def say(text: str) -> None:
        print(f"xtensa {time.monotonic() - started:4.0f} s  {text}", flush=True)

    try:
        tools = locate()
        if not tools.complete:
            say(f"building compiler and GDB in {tools.folder}: once, about 10 minutes on two cores")
            os.nice(10)
            build(tools, say)
    except (MissingPackageError, CommandError) as error:
        print(f"xtensa: {error}", file=sys.stderr)
        return 1
    print(f"xtensa: {tools.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
