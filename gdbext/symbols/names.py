# SPDX-License-Identifier: Apache-2.0
"""What the names of functions tell that belong to no allocator: which write where they are told, which end all."""

from __future__ import annotations

import re

_ASSERTION = re.compile(r"memtrace_assert\w*|__assert\w*|_*abort|panic_abort|esp_system_abort|raise|vAssertCalled")


_COPIER = re.compile(r"_*(mem(set|cpy|move|ccpy|pcpy)|st[rp]n?(cpy|cat)|bcopy|bzero|v?sn?printf)\w*")


def is_copier(function: str) -> bool:
    """Whether a function writes where its caller tells it."""
    return _COPIER.fullmatch(function) is not None


def is_assertion(function: str) -> bool:
    """Whether a function is on the way of a failed assertion."""
    return _ASSERTION.fullmatch(function) is not None
