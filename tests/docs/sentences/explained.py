# SPDX-License-Identifier: Apache-2.0
"""What makes the sentences about console texts appear: short texts, each with the situation that it deserves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest.mock import patch

from gdbext.analyse.console import explained
from gdbext.analyse.console.falling import falling
from gdbext.collect.listed import Listings
from gdbext.console.reader import crashes_in
from tests.support.console_texts import TEXTS, Text
from tests.unit.console_world import names_of


def told(one: Text) -> Callable[[], Any]:
    """What is said of a text."""
    return lambda: explained(crashes_in([one.text.encode()]), names_of(one))


def listed() -> Any:
    """What is missing of a listing that is too long."""
    with patch("gdbext.collect.listed._MOST_BYTES", 1):
        listings = Listings()
        for _ in range(3):
            listings.add(b"16 bytes (@ 0x3ffb0000, Internal) allocated CPU 0 ccount 0x00000010 caller 0x400d1b2c\n")
        return listings.groups(lambda calls: {})


RECIPES: dict[str, Callable[[], Any]] = {
    **{f"explained: {one.name}": told(one) for one in TEXTS},
    "explained: a listing that is too long": listed,
    "explained: free memory that falls": lambda: falling([182_344 - 2_016 * number for number in range(20)]),
}
