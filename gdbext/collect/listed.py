# SPDX-License-Identifier: Apache-2.0
"""Finds the listings of blocks in a console's text, and groups their blocks by the calls that allocated them.

Approach: the importers know the lines of their listings. A word that each listing has is sought first, as that is a
hundred times faster. From the first such line on the text is kept, and read by its importer at the end.
Rejected: one pass beside the filter (an importer asks for the text, and the filter hands it on).
Limits: 16 MiB of text from the first line of a listing on; listings without stacks have nothing to group by.
"""

from __future__ import annotations

from typing import Callable, Dict, Iterable, Iterator, List, Mapping, Sequence, Tuple

from gdbext.model.events import Frame, Stack
from gdbext.model.record import replace
from gdbext.model.reports.explain import LeakGroup
from gdbext.model.said import Said, said
from gdbext.trace.importers import STACKS, Call, Importer, Named, Remark, importers

# One of them is in each listing, no further from its start than what is kept of the text before.
WORDS = (b"(@ 0x", b": ptr = ", b"LEAK", b"Address Backtrace", b"MT1 B live")
_MOST_BYTES = 16 << 20
_OVERLAP = 1 << 12
Lookup = Callable[[Sequence[int]], Mapping[int, Stack]]


class Listings:
    """The listings in one text. Its pieces come in order."""

    def __init__(self) -> None:
        self._kept: Dict[str, Tuple[Importer, List[bytes]]] = {}
        self._sizes: Dict[str, int] = {}
        self._tail = b""
        self._is_cut = False

    def add(self, piece: bytes) -> None:
        """Takes the next bytes."""
        text = self._tail + piece
        if any(word in text for word in WORDS):
            for importer in importers():
                has_line = importer.line is not None and importer.line.search(text) is not None
                if has_line and importer.source not in self._kept and STACKS not in importer.lacks:
                    self._kept[importer.source] = importer, [self._tail]
                    self._sizes[importer.source] = 0
        for source, (_, pieces) in self._kept.items():
            if self._sizes[source] < _MOST_BYTES:
                pieces.append(piece)
                self._sizes[source] += len(piece)
            else:
                self._is_cut = True
        self._tail = text[-_OVERLAP:]

    def groups(self, lookup: Lookup) -> Tuple[Tuple[LeakGroup, ...], List[Said]]:
        """Returns the blocks that were not freed, by their calls, the most bytes first; and what is missing."""
        found: List[LeakGroup] = []
        losses = [said("listing-beyond", bytes=_MOST_BYTES)] if self._is_cut else []
        for importer, pieces in self._kept.values():
            live: Dict[int, Call] = {}
            named: Dict[int, Named] = {}
            for item in importer.calls(iter(pieces), 0):
                if isinstance(item, Named):
                    named[item.pc] = item
                elif isinstance(item, Remark) and item.is_loss:
                    losses.append(item.text)
                elif isinstance(item, Call) and item.freed:
                    live.pop(item.address, None)
                elif isinstance(item, Call):
                    live[item.address] = item
            found += _grouped(importer.source, live.values(), named, lookup)
        return tuple(found), losses


def _grouped(source: str, calls: Iterable[Call], named: Mapping[int, Named], lookup: Lookup) -> List[LeakGroup]:
    by_stack: Dict[Tuple[int, ...], List[int]] = {}
    for call in calls:
        by_stack.setdefault(call.stack, []).append(call.size)
    asked = sorted({pc - 1 for stack in by_stack for pc in stack})
    known = lookup(asked) if asked else {}
    groups = [
        LeakGroup(source, len(sizes), sum(sizes), tuple(_frames(stack, named, known)))
        for stack, sizes in by_stack.items()
    ]
    return sorted(groups, key=lambda group: (-(group.bytes or 0), -group.blocks))


def _frames(stack: Tuple[int, ...], named: Mapping[int, Named], known: Mapping[int, Stack]) -> Iterator[Frame]:
    for pc in stack:
        frames = known.get(pc - 1)
        if frames:
            yield from [replace(frame, pc=pc) for frame in frames]
        elif pc in named:
            yield from [Frame(pc, *frame) for frame in named[pc].frames]
        else:
            yield Frame(pc)
