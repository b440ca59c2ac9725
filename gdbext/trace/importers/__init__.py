# SPDX-License-Identifier: Apache-2.0
"""Imports the logs of other tools as traces, one file for each tool. They are loaded when a file must be recognised.

To add a log (docs/how-to/add-a-foreign-log.md has an example): write a file with an IMPORTER, and add its name here.
A log is as hostile as a heap: lines that make no sense are left out and counted, and its bytes bound every loop.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Callable, Iterable, Iterator, Mapping, NamedTuple, Optional

from gdbext.loading import load
from gdbext.trace.trace import Trace

NAMES = (
    "py_malloc",
)  # fmt: skip
HEAD_BYTES = 4096  # the start of a file, by which an importer recognises its logs


class Importer(NamedTuple):
    """One kind of log."""

    recognises: Callable[[bytes], bool]  # given the file's first HEAD_BYTES
    read: Callable[[Iterable[bytes]], Trace]  # given the file's lines, unchanged
    sentences: Mapping[str, str] = MappingProxyType({})  # the messages it adds, by key


def importer_of(head: bytes) -> Optional[Importer]:
    """Returns the importer for a file with this head. None if no importer knows it."""
    return next((importer for importer in importers() if importer.recognises(head)), None)


def importers() -> Iterator[Importer]:
    """Yields every importer."""
    yield from (load(f"trace.importers.{name}", "IMPORTER") for name in NAMES)
