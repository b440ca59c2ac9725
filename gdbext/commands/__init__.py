# SPDX-License-Identifier: Apache-2.0
"""The commands, one file each, loaded when they are first used.

To add a command, write a file with a COMMAND and add its name here (example: docs/how-to/add-a-command.md).
The first line of the file gives the command's name and its summary. `memtrace --help` reads only that line.
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
    "view",
    "bins",
    "leaks",
    "refs",
    "log",
    "report",
    "tree",
    "diff",
    "export",
    "convert",
    "explain",
    "extract",
    "status",
    "watch",
    "save",
    "start",
    "stop",
    "frees-only",
    "mark",
    "decode",
    "run",
    "monitor",
    "gdb",
)
HELP = ("--help", "-h")  # in the shell, of any command


class Heading(NamedTuple):
    """The first line of a command's file, in parts: `heap-check: ...`, or `memtrace save, in GDB: ...`."""

    called: str  # the name in GDB: the alias, or `memtrace NAME`
    only: str  # "in GDB", "in the shell", or "" for both
    summary: str


def heading_of(first_line: str) -> Heading:
    """Splits the first line of a command's file into its parts."""
    called, _, summary = first_line.partition(": ")
    called, _, only = called.partition(", ")
    return Heading(called, only, summary)


def command_named(name: str) -> Any:
    """Loads a command's file and returns its COMMAND."""
    return load(f"commands.{name.replace('-', '_')}", "COMMAND")


def headings() -> Iterator[Tuple[str, Heading]]:
    """Yields the name and the heading of every command. Loads none of them."""
    for name in NAMES:
        text = Path(__file__).with_name(f"{name.replace('-', '_')}.py").read_text(encoding="utf-8")
        yield name, heading_of(text.split('"""', 2)[1].split("\n", 1)[0])
