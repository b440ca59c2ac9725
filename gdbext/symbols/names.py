# SPDX-License-Identifier: Apache-2.0
"""Recognises two kinds of library functions by name: those that copy to a given address, and failed assertions."""

from __future__ import annotations

import re

_ASSERTION = re.compile(r"memtrace_assert\w*|__assert\w*|_*abort|panic_abort|esp_system_abort|raise|vAssertCalled")


_COPIER = re.compile(r"_*(mem(set|cpy|move|ccpy|pcpy)|st[rp]n?(cpy|cat)|bcopy|bzero|v?sn?printf)\w*")


def is_copier(function: str) -> bool:
    """Returns True if a function writes to an address that its caller gives."""
    return _COPIER.fullmatch(function) is not None


def is_assertion(function: str) -> bool:
    """Returns True if a function is called when an assertion fails."""
    return _ASSERTION.fullmatch(function) is not None
