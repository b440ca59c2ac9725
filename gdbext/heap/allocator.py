# SPDX-License-Identifier: Apache-2.0
"""The contract of an allocator: all that the rest of memtrace asks of it.

To add an allocator (docs/how-to/add-an-allocator.md has a worked example):

1. Make a folder beside this file. A class in it, derived from `Allocator`, recognises a heap and walks it. A method
   that it does not override means "this allocator has none of that"; without `rules` no rule is checked. The class
   returns facts (`said`); the folder's sentences.py has the sentences for them (SENTENCES).
2. The folder's body.py has BODY: its allocators, and how symbols and bytes lead to them.
3. The folder's `__init__` has FAMILY: what must be known of them before one is met. It imports nothing of the folder.
4. Add the folder's name to NAMES in registry.py.

Approach: one object for each kind of heap. A family has what several kinds share: how symbols lead to them, what their
memory looks like, the names of their functions. Its body is loaded when a heap may be of it: a program has one or two
of a dozen families.
Rejected: functions registered one by one (nobody sees which are missing); fallbacks to another allocator's checks (they
called clean heaps of a new kind damaged).
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Callable, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union
from weakref import WeakKeyDictionary

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

# Bytes. No heap of a 32-bit chip is larger; a corrupt length may well be.
LARGEST_HEAP = 64 << 20
# The weight of a control block: its lists do not fit by chance. A few blocks may: noise can look like them.
DECISIVE = 1 << 20
BY_SIGNATURE = said("found-by-signature")


# A heap that was recognised by its bytes, and the memory that its blocks take.
FoundHeap = Tuple[Region, List[Span]]


class Unreadable(Record):
    """A heap that could not be read, and why."""

    region: Region
    status: str  # "unreadable" or "uninitialised"
    why: Said


class Recognised(NamedTuple):
    """A heap that was recognised, and how sure that is."""

    allocator: Allocator
    layout: Geometry
    counters: Optional[Counters]  # the heap's own counters
    weight: int  # the number of blocks that fit, or DECISIVE
    certain: bool = False  # no other kind of heap can be there
    usual: bool = True  # of two kinds with the same weight, the usual one is taken


# What was recognised in files, which do not change.
_IN_FILES: WeakKeyDictionary[Memory, List[Tuple[Region, Union[Recognised, Unreadable]]]] = WeakKeyDictionary()


def remember(memory: Memory, region: Region, found: Union[Recognised, Unreadable]) -> None:
    """Keeps what was recognised in a file. Does nothing for a target, which may change."""
    if memory.ranges():
        _IN_FILES.setdefault(memory, []).append((region, found))


def remembered(memory: Memory, region: Region) -> Optional[Union[Recognised, Unreadable]]:
    """Returns what was recognised for a region before; None if nothing was kept."""
    return next((found for other, found in _IN_FILES.get(memory, ()) if other == region), None)


class Named(NamedTuple):
    """The heaps that symbols or a search lead to, and remarks: symbols that lead to none, a search that was cut."""

    regions: List[Region]
    problems: List[Text]
    final: bool = False  # True if this is the program's own list: no other heaps exist


class Allocator(Invariants):
    """One kind of heap."""

    kind = ""  # as in `--heap KIND@ADDRESS`
    needs_variables = False  # True if the heap cannot be read without the program's variables

    def recognise(self, memory: Memory, region: Region) -> Union[Recognised, Unreadable]:
        """Recognises the heap at a region's address. It reads no more than that needs."""
        raise NotImplementedError

    def read_parts(self, memory: Memory, region: Region) -> Optional[HeapFacts]:
        """Reads what it can of a heap that was not recognised because only parts of it are at hand. Returns None if it
        can read nothing.
        """
        return None

    def complete(self, memory: Memory, region: Region, program: Program) -> Region:
        """Returns a region of which a user gave only the address, completed from the program's symbols."""
        return region

    def fetch(self, memory: Memory, region: Region, layout: Geometry, proven: Mapping[int, Proven]) -> None:
        """Reads the memory that the walk and the rules need. `proven`: blocks that the trace knows, by payload."""
        for low, high in spans_of(region, layout):
            memory.fetch(low, high - low)

    def walk(self, layout: Geometry, read: WordReader, evidence: Evidence) -> Walk:
        """Returns every block that can be proven, with the free lists."""
        raise NotImplementedError

    def guards(self, walk: Walk, read: WordReader, snapshot: Snapshot) -> Guards:
        """Returns the guards (canaries, poison) around the users' bytes."""
        return NO_GUARDS


class Family(Record):
    """What is known of the allocators of one folder before any of them is loaded."""

    kinds: Mapping[str, str]  # what lies at ADDRESS of `--heap KIND@ADDRESS`, by kind
    pooled: Tuple[str, ...] = ()  # the kinds of which a heap may have further memory, which `--pool` names
    # Names of variables and functions. A program with such a heap has at least one of them. (): they do not tell.
    symbols: Tuple[str, ...] = ()
    functions: str = ""  # a regular expression that must match the whole name of its functions
    # Functions that free or resize a block: the positions of the block and of its heap (None: there is none) among
    # their arguments. And functions that hand out a block and verify it first: the names of their variables for it.
    frees: Mapping[str, Tuple[int, Optional[int]]] = MappingProxyType({})
    hands_out: Mapping[str, Tuple[str, ...]] = MappingProxyType({})
    files: Tuple[str, ...] = ()  # the names of its source files
    # Regular expressions like `functions`: what allocates for its callers and is none of its functions; its functions
    # that look for memory, whose assertions users take for a lack of it (those with "alloc" in their names are known).
    wrappers: str = ""
    searches: str = ""


class Body(Record):
    """The allocators of one folder, and how their heaps are found.

    `find` returns the heaps that the names of symbols lead to. `find_pointed_to` returns the heaps that variables of
    any name point to; it is called only if no family has found a heap by name. `search` returns the heaps that it
    recognises in memory by their bytes, outside of the ranges `taken`. It adds what it could not search to `left_out`.
    `displaced` yields how far memory must be moved so that pointers in it lead where they should, by what looks like a
    heap in it.
    """

    allocators: Tuple[Allocator, ...]
    find: Callable[[Memory, Program], Named] = lambda memory, program: Named([], [])
    find_pointed_to: Callable[[Memory, Program], Named] = lambda memory, program: Named([], [])
    displaced: Callable[[Snapshot], Iterable[int]] = lambda snapshot: ()
    search: Callable[[Memory, Snapshot, Sequence[Span], List[Text]], List[FoundHeap]] = lambda *_: []


def spans_of(region: Region, layout: Geometry) -> List[Span]:
    """Returns the memory that a heap takes: its control data, and its pools with first headers and end markers."""
    pools = [(pool.first - layout.header, layout.behind_pool(pool)) for pool in layout.pools]
    return [(low, high) for low, high in [(region.address, layout.control_end), *pools] if low < high]
