# SPDX-License-Identifier: Apache-2.0
"""Imports the logs of other tools, one file for each tool. They are loaded when a file must be recognised.

Approach: an importer tells the calls of the allocator, one by one; they become a log of ours, so that all that works on
a log works on them, in the same memory. A record that makes no sense becomes a row that makes none: both are counted.
To add a log (docs/how-to/add-a-foreign-log.md has an example): write a file with an IMPORTER, and add its name here.
A log is as hostile as a heap: records that make no sense are passed over, and its bytes bound every loop.
Rejected: a trace in memory of each log (it would have to fit).
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Callable, Iterable, Iterator, Mapping, NamedTuple, Optional, Tuple, Union

from gdbext.loading import load
from gdbext.model.said import Said

NAMES = (
    "py_malloc",
    "media_lib",
)  # fmt: skip
LONGEST_LINE = 1 << 16
RISCV, XTENSA = 243, 94  # machines, as ELF numbers them


class Call(NamedTuple):
    """A block that was allocated, or with `freed` one that was freed. PCs are return addresses, the innermost first."""

    address: int
    size: int = 0
    stack: Tuple[int, ...] = ()
    freed: bool = False


class Importer(NamedTuple):
    """One kind of log."""

    source: str  # the tool's name
    recognises: Callable[[bytes], bool]  # given the first bytes of a file, 4,096 of them or all
    # Given the log's bytes in pieces, and the machine of the program as ELF numbers it, 0 if nobody knows. None is a
    # record that makes no sense, a sentence one of which there is more to say.
    calls: Callable[[Iterable[bytes], int], Iterator[Union[Call, Said, None]]]
    sentences: Mapping[str, str] = MappingProxyType({})  # those that it adds, by key


def importer_of(head: bytes) -> Optional[Importer]:
    """Returns the importer for a file with this head. None if no importer knows it."""
    return next((importer for importer in importers() if importer.recognises(head)), None)


def importers() -> Iterator[Importer]:
    """Yields every importer."""
    yield from (load(f"trace.importers.{name}", "IMPORTER") for name in NAMES)


def lines_of(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yields the lines of a text, without their ends. Of a line that is too long, its start."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines
        rest = rest[:LONGEST_LINE]
    if rest:
        yield rest
