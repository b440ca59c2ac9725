# SPDX-License-Identifier: Apache-2.0
"""Imports the logs of other tools, one file for each tool. They are loaded when a file must be recognised.

Approach: an importer tells what its log says, item by item: calls of the allocator, blocks of a listing, loaded files,
names, marks. They become a log of ours, so that all that works on a log works on them, in the same memory. A record
that makes no sense becomes a row that makes none: both are counted. What such a log cannot tell at all is in its
`lacks`: totals that need it are null, and the report says so.
To add a log (docs/how-to/add-a-foreign-log.md has an example): write a file with an IMPORTER, and add its name here.
A log is as hostile as a heap: records that make no sense are passed over, and its bytes bound every loop.
Rejected: a trace in memory of each log (it would have to fit).
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Callable, FrozenSet, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Pattern, Tuple, Union

from gdbext.loading import load
from gdbext.model.profile import Use
from gdbext.model.said import Said, said
from gdbext.source.console_text import as_utf_8, utf_16_of
from gdbext.source.wrapped_core import START_IN_TEXT

NAMES = (
    "py_malloc",
    "heaptrack",
    "heaptrack_raw",
    "media_lib",
    "alloc_hook",
    "dhat",
    "massif",
    "heap_trace_dump",
    "memleak",
    "leak_tracker",
    "heap_caps_dump",
    "memdump",
    "memtrace_console",
)  # fmt: skip
LONGEST_LINE = 1 << 16
_MOST_SEARCHED = 1 << 28  # bytes of a text that are looked through for a log amid it
_LONGEST_SIGN = 256
_TEXT = bytes([*b"\t\n\r\x1b", *range(32, 127), *range(128, 256)])
FREED = -1  # in place of the number of a Way
RISCV, XTENSA = 243, 94  # machines, as ELF numbers them

# What a log may lack, with the sentence that says so, and the totals that nobody can know without it.
ADDRESSES, CALLS, PEAK, COUNTS, STACKS = "addresses", "calls", "peak", "counts", "stacks"
FREE_STACKS, TASKS, TIMES, WRONG_FREES = "free-stacks", "tasks", "times", "wrong-frees"
MAPS = "maps"
EVENTS, OWN_PEAKS = "events", "own-peaks"
LACKS: Mapping[str, Said] = MappingProxyType(
    {
        ADDRESSES: said("lacks-addresses"),
        CALLS: said("lacks-calls"),
        PEAK: said("lacks-peak"),
        COUNTS: said("lacks-counts"),
        STACKS: said("lacks-stacks"),
        FREE_STACKS: said("lacks-free-stacks"),
        TASKS: said("lacks-tasks"),
        TIMES: said("lacks-times"),
        WRONG_FREES: said("lacks-wrong-frees"),
        MAPS: said("lacks-maps"),
        EVENTS: said("lacks-events"),
        OWN_PEAKS: said("lacks-own-peaks"),
    }
)
UNTOLD: Mapping[str, FrozenSet[str]] = MappingProxyType(
    {
        ADDRESSES: frozenset(("temporary",)),  # a free does not tell which block it meant
        CALLS: frozenset(
            ("allocations", "frees", "bytes_allocated", "temporary", "invalid_frees", "failed", "older", "replaced")
        ),
        PEAK: frozenset(("peak_bytes", "peak_blocks", "peak_seq", "most_blocks")),
        COUNTS: frozenset(("live_blocks", "peak_blocks", "most_blocks")),
        WRONG_FREES: frozenset(("invalid_frees", "replaced")),
        EVENTS: frozenset(("temporary", "invalid_frees", "failed", "older", "replaced", "peak_seq", "most_blocks")),
    }
)


class Call(NamedTuple):
    """A block that was allocated, or with `freed` one that was freed. PCs are return addresses, the innermost first.

    A `listed` block is one that a listing shows to be live: nobody saw its allocation.
    """

    address: int
    size: int = 0
    stack: Tuple[int, ...] = ()
    freed: bool = False
    listed: bool = False
    task: Optional[str] = None
    heap: Optional[str] = None  # its heap or kind of memory, as the log calls it
    time: Optional[int] = None


class Way(NamedTuple):
    """A stack that rows of Calls name by its number, which is not 0."""

    number: int
    pcs: Tuple[int, ...]


class Calls(NamedTuple):
    """Many calls in their order, for logs of millions: as many addresses as sizes as numbers of a Way. With the number
    FREED and a size of 0 it is a free.
    """

    addresses: List[int]
    sizes: List[int]
    ways: List[int]
    time: Optional[int] = None  # of all


class Module(NamedTuple):
    """A loaded file: PCs from its base on are its own, up to the next one's."""

    base: int  # the distance of its addresses from those that it was linked for
    path: str
    build_id: str = ""
    segments: Tuple[Tuple[int, int], ...] = ()  # of what is loaded of it, the addresses as linked and sizes, if known


class Named(NamedTuple):
    """What the log itself says of a PC: function, file and line of each frame there, innermost (inlined) first."""

    pc: int
    frames: Tuple[Tuple[Optional[str], Optional[str], Optional[int]], ...]
    by_monitor: bool = False  # a monitor has added it, which may take a return address for the call: programs know more
    library: Optional[str] = None  # the loaded file that it is in, where no Module tells


class Marked(NamedTuple):
    """A mark, as of a checkpoint."""

    name: str


class Summed(NamedTuple):
    """What one stack has used, of a log that has sums in place of calls. A log that has one has no calls."""

    stack: Tuple[int, ...]
    use: Use
    live: Tuple[int, ...] = ()  # its live bytes at each Level that tells them, oldest first


class Level(NamedTuple):
    """What was live at a time, of a log that has sums."""

    time: int
    bytes: int
    unit: str  # of the time
    is_told: bool = False  # what each stack held then is told, too


class WrongFree(NamedTuple):
    """A wrong free that the tool itself has found, or with the kind "null" a free(NULL) that it reports."""

    kind: str  # "double" or "null"
    stack: Tuple[int, ...]
    task: Optional[str] = None


class Remark(NamedTuple):
    """A sentence to say of the log, beside its records. With `is_loss` it says that something is missing."""

    text: Said
    is_loss: bool = False


class Unread(NamedTuple):
    """A line that makes no sense, by its number, counted from 1."""

    line: int


# None is a record that makes no sense, a sentence one of which there is more to say.
Item = Union[
    Call, Way, Calls, Module, Named, Marked, WrongFree, Summed, Level, Unread, Remark, Said, None
]  # fmt: skip


class Importer(NamedTuple):
    """One kind of log."""

    source: str  # the tool's name
    recognises: Callable[[bytes], bool]  # given the first bytes of a file, 4,096 of them or all
    # Given the log's bytes in pieces, and the machine of the program as ELF numbers it, 0 if nobody knows.
    calls: Callable[[Iterable[bytes], int], Iterator[Item]]
    sentences: Mapping[str, str] = MappingProxyType({})  # those that it adds, by key
    sign: Optional[Said] = None  # by what it is recognised
    lacks: Tuple[str, ...] = ()
    hz: int = 0  # units of its times a second; 0: it has none
    line: Optional[Pattern[bytes]] = None  # of a log amid other text: what only it has, wherever in the file


def importer_of(head: bytes) -> Optional[Importer]:
    """Returns the importer for a file with this head. None if no importer knows it."""
    return next((importer for importer in importers() if importer.recognises(head)), None)


def importer_amid(head: bytes, chunks: Iterable[bytes]) -> Optional[Importer]:
    """Returns the importer for a log amid other text: whose line comes first. None if there is none, if the head is no
    text, or if the text has a core dump, which tells more.
    """
    if not _is_text(head):
        return None
    lines = [(importer.line, importer) for importer in importers() if importer.line is not None]
    first: Optional[Importer] = None
    rest, searched = b"", 0
    for chunk in as_utf_8(chunks):
        data = rest + chunk
        if START_IN_TEXT in data:
            return None
        found = [(place.start(), importer) for line, importer in lines for place in [line.search(data)] if place]
        if found and first is None:
            first, lines = min(found, key=lambda one: one[0])[1], []
        rest, searched = data[-_LONGEST_SIGN:], searched + len(chunk)
        if searched > _MOST_SEARCHED:
            break
    return first


def _is_text(head: bytes) -> bool:
    """Tells whether most of the first bytes of a file are text: a console has noise, too."""
    text = head if not utf_16_of(head) else head.replace(b"\0", b"")
    return len(text.translate(None, _TEXT)) * 4 < len(text)


def importers() -> Iterator[Importer]:
    """Yields every importer."""
    yield from (load(f"trace.importers.{name}", "IMPORTER") for name in NAMES)


def untold(lacks: Iterable[str]) -> FrozenSet[str]:
    """Returns the names of the totals that a log which lacks these cannot tell."""
    return frozenset().union(*(UNTOLD.get(one, frozenset()) for one in lacks))


def lines_of(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yields the lines of a text, without their ends. Of a line that is too long, its start."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines
        rest = rest[:LONGEST_LINE]
    if rest:
        yield rest
