# SPDX-License-Identifier: Apache-2.0
"""What loading the extension adds to the start of a GDB."""

from __future__ import annotations

from collections.abc import Iterable

from tests.support.bench import Row, median_of
from tests.support.gdb import SOURCE, run_gdb


def rows() -> Iterable[Row]:
    """Median of seven starts with and without; the first start, which writes the byte code, is not counted."""
    env = {"PYTHONDONTWRITEBYTECODE": ""}
    run_gdb([SOURCE], env=env)
    empty = median_of(lambda: run_gdb([], env=env).seconds)
    loaded = median_of(lambda: run_gdb([SOURCE], env=env).seconds)
    yield Row("source gdbext/memtrace.py", loaded - empty, 0.09, "s", f"over an empty GDB ({empty:.3f} s)")
