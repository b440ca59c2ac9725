# SPDX-License-Identifier: Apache-2.0
"""What makes the sentences of flash images appear."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import Any

from gdbext.flash.image import areas_of
from gdbext.model.said import Trouble
from tests.support.flash_cases import cases, image_of
from tests.support.littlefs_flash import with_size


def image(name: str) -> bytes:
    """The image of a case."""
    data = image_of(cases()[name]).read_bytes()
    return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data


def file_of(name: str, hurt: Callable[[bytes], bytes] = bytes) -> Any:
    """What can be taken out of a case's only partition, or why nothing can."""
    (area,) = areas_of(hurt(image(name)))
    assert area.files is not None
    try:
        return area.files.contents(cases()[name]["path"])
    except Trouble as problem:
        return problem.why


def erased(*blocks: int) -> Callable[[bytes], bytes]:
    """Erases blocks of 4,096 bytes, counted from the end if below 0."""

    def hurt(data: bytes) -> bytes:
        changed = bytearray(data)
        for block in blocks:
            start = block % (len(data) // 4096) * 4096
            changed[start : start + 4096] = b"\xff" * 4096
        return bytes(changed)

    return hurt


RECIPES: dict[str, Callable[[], Any]] = {
    "a file in flash with a block erased": lambda: file_of("spiffs-erased-block"),
    "a file in FAT that the image ends before": lambda: file_of("fat12-mtools", lambda data: data[:8192]),
    "a littlefs with a folder erased": lambda: file_of("lfs21-nested", erased(24, 25)),
    "a file in littlefs that claims 2 GiB": lambda: file_of("lfs20-append", lambda data: with_size(data, 1 << 31)),
    "wear levelling with both states erased": lambda: file_of("fat-wl-cut-committed", erased(-2, -3)),
    "a flash image that ends early": lambda: areas_of(image("flash-truncated"))[-1].contents(),
}
