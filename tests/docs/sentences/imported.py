# SPDX-License-Identifier: Apache-2.0
"""What makes the sentences of other tools' logs appear. Those that any log has had their examples before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from gdbext.trace.importers import LACKS, Importer
from tests.docs.sentences.logs import of_file
from tests.support import own_console
from tests.support.listings import PCS, Block, dressed, heap_caps, heap_trace, memdump, memleak, tracker, wrong_free

HEAPTRACK = b"v 10400 3\nX app\nt 0 0\na 8 0\n+ 0\n"


def listing() -> Any:
    """A report on a log of a tool that lists what was live, of which there is nothing, and tells nothing else."""
    importer = Importer("listing", lambda head: True, lambda chunks, machine: iter(()), lacks=tuple(LACKS))
    with patch("gdbext.trace.opened.importer_of", return_value=importer):
        return of_file(b"nothing is live", "report")()


def of_text(*lines: str) -> Callable[[], Any]:
    """A report on a console text."""
    return of_file(dressed(lines, "plain"), "report")


ONE, OTHER = (Block(0x3FCA_0004 + 64 * at, 32, (0x4200_0700, 0x4200_0786)) for at in range(2))
TRACE, ALL = heap_trace([ONE, OTHER]), heap_trace([ONE, replace(OTHER, freed=(0x4200_0C16,))], all_mode=True)
CORRUPT = "Error: heap trace linked list is corrupt. expected more records."
GREW = "(NB: New entries were traced while dumping, so trace dump may have duplicate entries.)"
LISTINGS = {
    "heap_trace_dump": TRACE,
    "an overflowed buffer": heap_trace([ONE], overflowed=True),
    "a damaged list": [*TRACE[:2], CORRUPT, *TRACE[3:-1], GREW, TRACE[-1]],
    "two dumps": [*ALL, *TRACE],
    "a dump that is cut off": TRACE[:2],
    "a dump and one that is cut off": [*TRACE, *TRACE[:2]],
    "the same address twice": heap_trace([ONE, ONE]),
    "memleak": [*memleak([ONE, OTHER], "show"), "\t 001: filter thread = main"],
    "memleak without a line": [line for line in memleak([ONE, OTHER, ONE]) if "002: ptr" not in line],
    "memallocate": memleak([ONE], "allocate"),
    "a wrong free alone": wrong_free("double", PCS[:2]),
    "the leak tracker": tracker([ONE]),
    "heap_caps_dump": heap_caps([ONE, replace(OTHER, freed=())]),
    "memtrace's own console": own_console.listing([own_console.Block(0x3FCA_0004, 32, 1, 0, 0, PCS[:2])], {}).split(
        "\r\n"
    ),
    "memtrace's own console, which had no room": [
        *own_console.listing([own_console.Block(0x3FCA_0004, 32, 1, 0, 0, ())], {}).split("\r\n")[:2],
        own_console.line("G", "blocks", 3, "stacks", 1, "full", 1).strip(),
        own_console.line("E", 1, 32).strip(),
    ],
    "memdump": [*memdump([ONE]), *memdump([OTHER], what="free")],
}
RECIPES: dict[str, Callable[[], Any]] = {
    "a listing of nothing": listing,
    "a TRACE.LOG": of_file(b"+\0\0\0" + bytes([0, 0, 0, 32, 8, 0, 0, 0]), "report"),
    "a torn TRACE.LOG": of_file(b"+\0\0\0" + bytes([0, 0, 0, 32, 8, 0, 0, 0]) + b"-\0", "leaks"),
    **{f"a listing: {name}": of_text(*lines) for name, lines in LISTINGS.items()},
    "the events of a listing": of_file(dressed(TRACE, "plain"), "log"),
    "a log of heaptrack that is cut off": of_file(HEAPTRACK + b"+ ", "report"),
    "a log of heaptrack of which lines make no sense": of_file(HEAPTRACK + b"+ 7\n" * 9, "report"),
    "a log of heaptrack that was attached": of_file(HEAPTRACK.replace(b"3\nX app", b"4\nX app\nA"), "report"),
    "a raw log of heaptrack": of_file(HEAPTRACK.replace(b"X", b"x"), "report"),
    "a log of py_malloc_trace that calls itself": of_file(
        b'{"op":1,"p":"0x10","size":8,"return_addr":["0x40"]}\n{"op":2,"p":"0x10","size":0,"return_addr":["0x50"]}\n'
        * 128,
        "report",
    ),
    "a log of py_malloc_trace": of_file(b'{"op": 1, "p": "0x10", "size": 8, "return_addr": ["0x40"]}', "report"),
}
