# SPDX-License-Identifier: Apache-2.0
"""Capabilities of heaps, as ESP-IDF's heap_caps_malloc chooses by them.

A heap has one word of capabilities for each turn in which it may be asked. A request goes, turn by turn, to the heaps
of which that turn's word has any of the wanted ones, if all words together have all of them.
Approach: who finds a heap puts the words into the hints of its region; whoever has no words is asked for everything.
"""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Optional, Sequence, Tuple

from gdbext.model.region import Hints

# As esp_heap_caps.h has them, MALLOC_CAP_ in front.
BITS = {
    "exec": 1 << 0,
    "32bit": 1 << 1,
    "8bit": 1 << 2,
    "dma": 1 << 3,
    "spiram": 1 << 10,
    "internal": 1 << 11,
    "default": 1 << 12,
    "iram_8bit": 1 << 13,
    "retention": 1 << 14,
    "rtcram": 1 << 15,
    "tcm": 1 << 16,
    "dma_desc_ahb": 1 << 17,
    "dma_desc_axi": 1 << 18,
    "cache_aligned": 1 << 19,
    "simd": 1 << 20,
}
DEFAULT = BITS["default"]
LISTED = ("default", "internal", "dma", "spiram", "exec", "32bit")  # that users ask for most
_PREFIX = "malloc_cap_"
_KEY = "capabilities:"
_MOST_TURNS = 4


def capabilities_named(text: str) -> int:
    """Returns the capabilities that a user names: 8bit,internal or a number. ValueError names what is none."""
    wanted = 0
    for name in text.lower().replace("|", ",").split(","):
        bare = name.strip()[len(_PREFIX) :] if name.strip().startswith(_PREFIX) else name.strip()
        wanted |= BITS[bare] if bare in BITS else int(bare, 0)
    return wanted


def names_of(capabilities: int) -> Tuple[str, ...]:
    """Returns the names of capabilities, and what has none as one number."""
    names = [name for name, bit in BITS.items() if capabilities & bit]
    rest = capabilities & ~reduce(or_, BITS.values())
    return (*names, *([f"{rest:#x}"] if rest else []))


def capability_hints(words: Sequence[int]) -> Hints:
    """Returns a heap's words of capabilities, turn by turn, as hints of its region."""
    return {f"{_KEY}{turn}": word for turn, word in enumerate(words)}


def capabilities_in(hints: Hints) -> Optional[Tuple[int, ...]]:
    """Reads the hints back; None if the heap has no capabilities."""
    words = [hints.get(f"{_KEY}{turn}") for turn in range(_MOST_TURNS)]
    return tuple(word for word in words if word is not None) or None


def turn_of(words: Sequence[int], wanted: int) -> Optional[int]:
    """Returns the turn in which a heap is asked for wanted capabilities, from 0 on; None if it is not."""
    if wanted & ~reduce(or_, words):
        return None
    return next((turn for turn, word in enumerate(words) if word & wanted), None)
