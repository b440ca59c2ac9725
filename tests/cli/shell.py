# SPDX-License-Identifier: Apache-2.0
"""The shell's face, called in this process: its exit status, its output and its errors."""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import dataclass
from typing import Any

from gdbext.faces.shell import main
from tests.support.schema import held_to_schema


@dataclass(frozen=True)
class Said:
    """What a command printed and how it ended."""

    status: int
    out: str
    err: str

    def json(self) -> Any:
        """Its report."""
        assert self.out, self.err
        return held_to_schema(json.loads(self.out))

    def same(self) -> Any:
        """Its report without what differs by source: what it cost."""
        return {name: value for name, value in self.json().items() if name != "cost"}


def memtrace(*words: object) -> Said:
    """`memtrace WORDS...` in the shell."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main([str(word) for word in words])
    return Said(status, out.getvalue(), err.getvalue())


def shell(*words: object) -> Any:
    """The report of a command that must work."""
    said = memtrace(*words, "--json")
    assert said.status == 0, said.err
    return said.json()
