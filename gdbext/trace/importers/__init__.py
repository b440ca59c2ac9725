# SPDX-License-Identifier: Apache-2.0
"""The logs of other tools as traces, one file each, loaded when a file is to be told.

To add a log (docs/how-to/add-a-foreign-log.md has an example): write a file with an IMPORTER, and add its name here.
A log is as hostile as a heap: what makes no sense in it is left out and counted; every loop is bounded by its bytes.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Callable, Iterable, Iterator, Mapping, NamedTuple, Optional

from gdbext.loading import load
from gdbext.trace.trace import Trace

NAMES = (
    "py_malloc",
)  # fmt: skip
HEAD_BYTES = 4096  # that an importer may look at to tell whether a file is one of its logs


class Importer(NamedTuple):
    """One kind of log."""

    recognises: Callable[[bytes], bool]  # a file's first bytes
    read: Callable[[Iterable[bytes]], Trace]  # its lines, as they are
    sentences: Mapping[str, str] = MappingProxyType({})  # what it says, by the keys of its facts


def importer_of(head: bytes) -> Optional[Importer]:
    """The importer for a file that begins so; None: it is no log that is known."""
    return next((one for one in importers() if one.recognises(head)), None)


def importers() -> Iterator[Importer]:
    """All of them."""
    yield from (load(f"trace.importers.{name}", "IMPORTER") for name in NAMES)
