# SPDX-License-Identifier: Apache-2.0
"""A heap whose culprit was freed between its write and the look."""

from __future__ import annotations

from tests.support import tlsf_image

BASE = 0x3FC9_2000
BLOCKS = [(48, True), (100, False), (200, True), (64, True), (400, False), (40, True)]
FREED, HIT = 1, 2


def written_before_the_free(run: bytes, ahead: int) -> tuple[bytes, list[int]]:
    """A heap whose block FREED was overrun into HIT by `run`, of which `ahead` bytes lie in it, and then freed."""
    shape = tlsf_image.Shape()
    data = bytearray(tlsf_image.shaped_image(BASE, BLOCKS, shape))
    places = tlsf_image.payloads(BASE, BLOCKS, shape)
    end = places[FREED] + BLOCKS[FREED][0]
    own = [(places[FREED], places[FREED] + 8), (end - 4, end)]  # what the free has written: the links, and its address
    for at, byte in enumerate(run, end - ahead):
        if not any(low <= at < high for low, high in own):
            data[at - BASE] = byte
    return bytes(data), places
