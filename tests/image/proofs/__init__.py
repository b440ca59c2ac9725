# SPDX-License-Identifier: Apache-2.0
"""What breaks the rules of each newer family, one file a family: PROOFS, by "KIND RULE", for tests/image/test_rules.py.

A proof makes a sound heap and breaks one thing in it. It returns the reports before and after.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.support.made import Made, MadeDamage

Reports = tuple[Any, Any]  # of the sound heap, and of the broken one


def broken(made: Made, place: int, value: int) -> list[tuple[int, bytes]]:
    """Its images with one 32-bit word changed."""
    return MadeDamage("stray", place, value.to_bytes(4, "little"), None).images(made)


def proofs() -> Iterator[tuple[str, Callable[[], Reports]]]:
    """The proofs of all files."""
    for path in sorted(Path(__file__).parent.glob("[a-z]*.py")):
        yield from importlib.import_module(f"tests.image.proofs.{path.stem}").PROOFS.items()
