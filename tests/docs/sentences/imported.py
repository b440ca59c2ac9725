# SPDX-License-Identifier: Apache-2.0
"""What makes the sentences of other tools' logs appear. Those that any log has had their examples before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest.mock import patch

from gdbext.trace.importers import LACKS, Importer
from tests.docs.sentences.logs import of_file


def listing() -> Any:
    """A report on a log of a tool that lists what was live, of which there is nothing, and tells nothing else."""
    importer = Importer("listing", lambda head: True, lambda chunks, machine: iter(()), lacks=tuple(LACKS))
    with patch("gdbext.trace.opened.importer_of", return_value=importer):
        return of_file(b"nothing is live", "report")()


RECIPES: dict[str, Callable[[], Any]] = {
    "a listing of nothing": listing,
    "a TRACE.LOG": of_file(b"+\0\0\0" + bytes([0, 0, 0, 32, 8, 0, 0, 0]), "report"),
    "a torn TRACE.LOG": of_file(b"+\0\0\0" + bytes([0, 0, 0, 32, 8, 0, 0, 0]) + b"-\0", "leaks"),
    "a log of py_malloc_trace": of_file(b'{"op": 1, "p": "0x10", "size": 8, "return_addr": ["0x40"]}', "report"),
}
