# SPDX-License-Identifier: Apache-2.0
"""memtrace in the shell: finds the command, runs it and returns its exit status.

Exit status: 2 after an error, or if Ctrl-C cut the reading short, else 0. `check` ends with 1 if a heap is damaged,
else with 2 also if a heap is unreadable or none was found. `gdb` ends with GDB's own status.
"""

from __future__ import annotations

import sys
from typing import List, Optional

from gdbext.commands import HELP, NAMES, headings
from gdbext.loading import load
from gdbext.model.errors import UserError
from gdbext.report.printable import put, say, text_of
from gdbext.report.style import fitted

_USAGE = (
    "usage: memtrace COMMAND ([CORE] [--image BASE=FILE ...] | --rsp HOST:PORT)",
    "                        [--elf APP.elf] [--heap KIND@ADDRESS] ...",
    "       memtrace help [COMMAND] | --version | --paths [NAME]",
)
_ABOUT = ("--version", "--paths")  # of memtrace itself


def main(arguments: Optional[List[str]] = None) -> int:
    """Runs memtrace in the shell and returns the exit status."""
    words = sys.argv[1:] if arguments is None else arguments
    if words[:1] == ["help"]:
        words = [*words[1:2], "--help"]
    if not words or words[0] in HELP:
        offered = ((name, heading) for name, heading in headings() if heading.only != "in GDB")
        lines = [f"  memtrace {name:<11} {heading.summary}" for name, heading in offered]
        stream = sys.stdout if words else sys.stderr
        put(fitted("\n".join([*_USAGE, *lines]), stream), stream)
        return 0 if words else 2
    name = words[0]
    try:
        if name in _ABOUT:
            put(text_of(_about(words)), sys.stdout)
            return 0
        if name not in NAMES:
            meant = load("commands.parsing", "did_you_mean")(name, ("help", *NAMES, *HELP, *_ABOUT))
            raise UserError(f"{name} is no command{meant}; see `memtrace --help`")
        status: int = load("faces.shell_commands", "obey")(name, words[1:])
    except UserError as problem:
        say(str(problem))
        return 2
    return status


def _about(words: List[str]) -> List[str]:
    """Returns the lines of `--version` or `--paths`. `--paths NAME` is one bare path, for another command's line."""
    if words[0] == "--version":
        return [load("package", "version")()]
    known, names = load("package", "paths")(), words[1:]
    if not names:
        return [f"{name:<14} {path}" for name, path in known.items()]
    if len(names) > 1 or names[0] not in known:
        raise UserError(f"--paths takes one name, or none: {', '.join(known)}")
    return [str(known[names[0]])]
