# SPDX-License-Identifier: Apache-2.0
"""What makes the sentences of flash images appear."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import Any

from gdbext.flash.image import areas_of
from tests.support.flash_cases import cases, image_of


def image(name: str) -> bytes:
    """The image of a case."""
    data = image_of(cases()[name]).read_bytes()
    return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data


def file_of(name: str) -> Any:
    """What can be taken out of a case's only partition."""
    (area,) = areas_of(image(name))
    assert area.files is not None
    return area.files.contents(cases()[name]["path"])


RECIPES: dict[str, Callable[[], Any]] = {
    "a file in flash with a block erased": lambda: file_of("spiffs-erased-block"),
    "a flash image that ends early": lambda: areas_of(image("flash-truncated"))[-1].contents(),
}
