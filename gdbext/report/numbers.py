# SPDX-License-Identifier: Apache-2.0
"""Numbers with their units, as people read them."""

from __future__ import annotations


def size_words(size: int) -> str:
    """Returns a size with its unit: 287.9 KiB, 1.5 MiB, 12 bytes."""
    if size < 1024:
        return counted(size, "byte")
    return f"{size / 1024:,.1f} KiB" if size < 1 << 20 else f"{size / (1 << 20):,.1f} MiB"


def counted(number: int, noun: str) -> str:
    """Returns a number with its noun: 1 block, 1,028 blocks."""
    plural = "es" if noun.endswith("s") else "s"
    return f"{number:,} {noun}{'' if number == 1 else plural}"
