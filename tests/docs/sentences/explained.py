# SPDX-License-Identifier: Apache-2.0
"""What makes the sentences about console texts appear: short texts, each with the situation that it deserves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gdbext.analyse.console import explained
from gdbext.console.reader import crashes_in
from tests.support.console_texts import TEXTS, Text
from tests.unit.console_world import names_of


def told(one: Text) -> Callable[[], Any]:
    """What is said of a text."""
    return lambda: explained(crashes_in([one.text.encode()]), names_of(one))


RECIPES: dict[str, Callable[[], Any]] = {f"explained: {one.name}": told(one) for one in TEXTS}
