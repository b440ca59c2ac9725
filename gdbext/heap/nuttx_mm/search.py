# SPDX-License-Identifier: Apache-2.0
"""Finds NuttX's default heaps in memory without symbols, by the heads of their free lists.

Approach: most lists are empty, and a head between two empty lists has links to the heads on both sides, in two words
whose upper halves are the same, behind zeros. A regular expression finds these; the heads around tell the rest.
Cost: one pass of the regular expression engine, some 5 ns for each byte; 0.1 ms for each place that looks like a head.
Assumptions: two lists in a row are empty, and the heads do not lie across a border of 64 KiB, or not all of them.
"""

from __future__ import annotations

import re
from typing import List, Sequence, Set

from gdbext.heap.allocator import BY_SIGNATURE, FoundHeap
from gdbext.heap.mm_heads import heads_around, known_words
from gdbext.heap.nuttx_mm.struct import read_around
from gdbext.heap.tries import Tries
from gdbext.model.region import Region, Span
from gdbext.model.said import Text
from gdbext.source.memory import Memory
from gdbext.source.snapshot import Snapshot

_MOST_CANDIDATES = 4096


def find_nuttx_mm(memory: Memory, snapshot: Snapshot, taken: Sequence[Span], left_out: List[Text]) -> List[FoundHeap]:
    """Returns every heap whose heads lie in the snapshot, outside of what other heaps take."""
    width, word = snapshot.pointer_size, known_words(memory)
    found: List[FoundHeap] = []
    tried: Set[int] = set()
    upper = b"." * (width - 2)
    pattern = b"(?=\0{4}(?!\0{4})..(" + upper + rb")..\1)"  # matches nothing, so that none hides another
    if snapshot.byte_order == "big":
        pattern = b"(?=\0{4}(?!\0{4})(" + upper + rb")..\1..)"
    heads_like, tries = re.compile(pattern, re.DOTALL), Tries("nuttx_mm", _MOST_CANDIDATES, left_out)
    for start, end in snapshot.extents():
        for match in heads_like.finditer(snapshot.get(start, end - start) or b""):
            place = start + match.start() + 4
            if place % width or any(low <= place < high for low, high in taken) or place in tried:
                continue
            if not tries.another(place):
                return found
            heads = heads_around(word, place, width)
            if heads is None or heads.first in tried:
                continue
            tried |= {heads.first, *(head + heads.link_at for head in heads.places())}
            heap = read_around(memory, heads)
            if heap is not None:
                region = Region("nuttx_mm", heap.place, origin=BY_SIGNATURE)
                spans = [(low, high + heap.form.header) for low, high in heap.regions]
                found.append((region, [(heap.place, heads.end), *spans]))
    return found
