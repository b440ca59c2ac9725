# SPDX-License-Identifier: Apache-2.0
"""The Xtensa tools that `make setup-xtensa` built: `toolchain().gdb` (windowed, de212), `.call0_gdb` (lx106), `.gcc`.

Missing tools are a failure that says how to get them; a test does not build them itself, because that takes longer than
any test may.
"""

from __future__ import annotations

from functools import cache

from tests.toolchain.where import Toolchain, locate


class XtensaMissingError(RuntimeError):
    """The toolchain has not been built on this machine."""


@cache
def toolchain() -> Toolchain:
    """Return the finished toolchain, or fail with one line that says what to run."""
    tools = locate()
    if not tools.complete:
        raise XtensaMissingError(f"no Xtensa toolchain in {tools.folder}: run `make setup-xtensa`")
    return tools
