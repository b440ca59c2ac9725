# SPDX-License-Identifier: Apache-2.0
"""Explains damage that is exactly some whole lines of a cache, in memory that DMA reaches.

Approach: a DMA whose memory is not kept coherent damages whole lines: it writes a line of which its buffer has only a
part, or a line that a core has changed is written back over what it brought. No program's own write begins and ends on
a line's bounds but by chance.
Limits: a possibility, never the answer: only the program's drivers know which transfers there were. Lines whose bytes
follow no pattern are not seen to be one run.
"""

from __future__ import annotations

from gdbext.analyse.case import NEAR, Case
from gdbext.heap.capabilities import BITS, capabilities_in
from gdbext.model.said import said

_LINES = (64, 32)  # bytes; the larger first
_MOST_BYTES = 256  # of more, the ends lie on such bounds for many reasons


def tell_cache_lines(case: Case) -> None:
    """Adds the possibility of a DMA to damage of whole lines."""
    words = capabilities_in(case.facts.region.hints) or ()
    start, end = case.extent.start, case.extent.end
    line = next((one for one in _LINES if start % one == end % one == 0), None)
    if line is None or not 0 < end - start <= _MOST_BYTES or not any(word & BITS["dma"] for word in words):
        return
    text = said("dma-lines", lines=(end - start) // line, bytes=line)
    case.tell(NEAR, "dma", None, text, said("dma-reaches"), said("dma-bounds", start=start, end=end))
