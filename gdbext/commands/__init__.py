# SPDX-License-Identifier: Apache-2.0
"""The commands, one file each, loaded when they are first used.

To add a command (docs/how-to/add-a-command.md has an example): write a file with a COMMAND, and add its name here.
The first line of the file says how the command is called and what it does; `memtrace --help` reads no more than that.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterator, NamedTuple, Tuple

from gdbext.loading import load

NAMES = (
    "check",
    "last",
    "blocks",
    "free",
    "leaks",
    "refs",
    "log",
    "status",
    "watch",
    "save",
    "start",
    "stop",
    "frees-only",
    "mark",
    "gdb",
)
_ONLY = ("in GDB", "in the shell")


class Heading(NamedTuple):
    """What the first line of a command's file says: `heap-check: ...`, or `memtrace save, in GDB: ...`."""

    called: str  # in GDB: the alias, or `memtrace NAME`
    only: str  # "in GDB", "in the shell", or "" for both
    summary: str


def heading_of(first_line: str) -> Heading:
    """The parts of a first line."""
    called, _, summary = first_line.partition(": ")
    called, _, only = called.partition(", ")
    return Heading(called, only, summary)


def command_named(name: str) -> Any:
    """The declaration of a command."""
    return load(f"commands.{name.replace('-', '_')}", "COMMAND")


def headings() -> Iterator[Tuple[str, Heading]]:
    """Every command with its heading, without loading any."""
    for name in NAMES:
        text = Path(__file__).with_name(f"{name.replace('-', '_')}.py").read_text(encoding="utf-8")
        yield name, heading_of(text.split('"""', 2)[1].split("\n", 1)[0])
