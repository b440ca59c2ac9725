# SPDX-License-Identifier: Apache-2.0
"""What is loaded when it is first used: commands, targets, outputs, importers, families of allocators.

A room that has several of a kind has a tuple of their names in its `__init__`, which is the one line that adds another.
Rejected: imports inside of functions, here and there (nobody sees what a command loads).
"""

from __future__ import annotations

from importlib import import_module
from typing import Any


def load(place: str, name: str) -> Any:
    """What a module of this package calls so; `place` is the module's name within the package."""
    return getattr(import_module(f"gdbext.{place}"), name)
