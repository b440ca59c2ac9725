# SPDX-License-Identifier: Apache-2.0
"""The contract of an allocator: everything that the rest of memtrace asks of one.

To add an allocator (docs/how-to/add-an-allocator.md has a worked example):

1. Make a folder beside this file. A class in it, derived from `Allocator`, recognises a heap and walks it; what it does
   not override means "this allocator has none of that". Above all: without `rules` no rule is checked. What it says it
   says as facts (`said`); the sentences for them stand in the folder too, in sentences.py.
2. Put the allocators of the folder into a `Family`, named FAMILY, in the folder's `__init__`.
3. Add the folder's name to FAMILIES in registry.py.

Approach: one object for each kind of heap, one family for what several kinds share: how symbols lead to them, what
their memory looks like, the names of their functions.
Rejected: functions registered one by one (nobody sees what is missing); fallbacks to another allocator's checks (a
clean heap of a new kind came out damaged).
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Callable, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

from gdbext.heap.cover import Evidence, Proven
from gdbext.heap.facts import Counters, HeapFacts, Invariants
from gdbext.heap.geometry import Geometry
from gdbext.heap.guards import NO_GUARDS, Guards
from gdbext.heap.walk import Walk
from gdbext.model.record import Record
from gdbext.model.region import Region, Span
from gdbext.model.said import Said, Text, said
from gdbext.source.memory import Memory
from gdbext.source.snapshot import Snapshot, WordReader
from gdbext.symbols.shapes import Program

# More than any heap that a 32-bit chip holds, less than a corrupt length may ask for.
LARGEST_HEAP = 64 << 20
# The weight of a control block: its lists do not fit by chance, while noise can be read as some blocks of any size.
DECISIVE = 1 << 20
BY_SIGNATURE = said("found-by-signature")


# A heap that shows itself in memory, and the memory that its blocks take.
FoundHeap = Tuple[Region, List[Span]]


class Unreadable(Record):
    """A heap that could not be read, and why."""

    region: Region
    status: str  # "unreadable" or "uninitialised"
    why: Said


class Recognised(NamedTuple):
    """What a recogniser found."""

    allocator: Allocator
    layout: Geometry
    counters: Optional[Counters]  # what the heap says of itself in numbers
    weight: int  # how much speaks for it: blocks that fit, or DECISIVE
    certain: bool = False  # nothing else can be there
    usual: bool = True  # where as much speaks for two kinds, the usual one is taken


class Named(NamedTuple):
    """The heaps that symbols or a search lead to, and what to say where a symbol leads to none or a search ended."""

    regions: List[Region]
    problems: List[Text]
    final: bool = False  # the program's own list has been read: what it does not name is no heap


class Allocator(Invariants):
    """One kind of heap."""

    kind = ""  # as in `--heap KIND@ADDRESS`
    address_is = ""  # what that address is of
    takes_pools = False  # whether it may be given further memory, which `--pool` names
    needs_variables = False  # whether nothing can be said of it without the variables that symbols lead to

    def recognise(self, memory: Memory, region: Region) -> Union[Recognised, Unreadable]:
        """What is at a region's address, read only as far as recognising it needs."""
        raise NotImplementedError

    def read_parts(self, memory: Memory, region: Region) -> Optional[HeapFacts]:
        """What can be read of a heap that is not recognised, because parts of it alone are at hand; None: nothing."""
        return None

    def complete(self, memory: Memory, region: Region, program: Program) -> Region:
        """The region with what a program's symbols say of it besides, where a user named only its address."""
        return region

    def fetch(self, memory: Memory, region: Region, layout: Geometry, proven: Mapping[int, Proven]) -> None:
        """Reads what the walk and the rules need. `proven`: payloads that the trace knows to be blocks."""
        for low, high in spans_of(region, layout):
            memory.fetch(low, high - low)

    def walk(self, layout: Geometry, read: WordReader, evidence: Evidence) -> Walk:
        """Every block that can be proven, with the free lists."""
        raise NotImplementedError

    def guards(self, walk: Walk, read: WordReader, held: Snapshot) -> Guards:
        """What stands around the users' bytes."""
        return NO_GUARDS


class Family(Record):
    """Allocators that stand in one folder, and what they share.

    `find`: the heaps that the names of symbols lead to; `find_pointed_to`: those that variables point to, whatever
    their names are; it is asked only where no family has found any by name. `search`: the heaps that show themselves in
    memory, outside of what is `taken`; what had to be left out of the search is told in `left_out`.
    """

    allocators: Tuple[Allocator, ...]
    functions: str = ""  # a regular expression that the names of its functions match as a whole
    files: Tuple[str, ...] = ()  # the names of its sources
    find: Callable[[Memory, Program], Named] = lambda memory, program: Named([], [])
    find_pointed_to: Callable[[Memory, Program], Named] = lambda memory, program: Named([], [])
    search: Callable[[Memory, Snapshot, Sequence[Span], List[Text]], List[FoundHeap]] = lambda *_: []
    sentences: Mapping[str, str] = MappingProxyType({})  # what its allocators say, by the keys of their facts


def spans_of(region: Region, layout: Geometry) -> List[Span]:
    """The memory that a heap takes: its control data, and its pools with their first headers and end markers."""
    pools = [(pool.first - layout.header, layout.behind_pool(pool)) for pool in layout.pools]
    return [(low, high) for low, high in [(region.address, layout.control_end), *pools] if low < high]
