# SPDX-License-Identifier: Apache-2.0
"""Loads modules by name, when they are first used: commands, targets, outputs, importers, families of allocators.

A folder with several modules of one kind lists their names in one tuple. To add a module is to add a name there.
Rejected: imports inside functions (nobody sees what a command loads).
"""

from __future__ import annotations

from importlib import import_module
from typing import Any


def load(place: str, name: str) -> Any:
    """Returns the object `name` of a module. `place` is the module's name within this package."""
    return getattr(import_module(f"gdbext.{place}"), name)
