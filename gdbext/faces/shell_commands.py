# SPDX-License-Identifier: Apache-2.0
"""Runs one command in the shell: parses its words, opens its target and prints its report."""

from __future__ import annotations

import sys
from argparse import Namespace
from contextlib import contextmanager
from typing import Iterator, List

from gdbext.commands import command_named
from gdbext.commands.command import Argument, Tool
from gdbext.commands.parsing import Declared, help_of, parsed_in_shell
from gdbext.loading import load
from gdbext.model.errors import UserError
from gdbext.report.destination import told
from gdbext.report.printable import put, say
from gdbext.target.target import Target

CORE = Argument(
    "core",
    "an ELF core: of Linux, of an emulator, saved by memtrace; of ESP-IDF also as flash image or as log text; or the "
    "log of another tool",
    {"nargs": "?", "metavar": "CORE"},
)
_IMAGE = Argument(
    "--image",
    "raw memory at an address, gzip or plain; repeatable",
    {"action": "append", "default": [], "metavar": "BASE=FILE"},
)
_ELF = Argument("--elf", "the program: its symbols and lines", {"metavar": "FILE"})
_MEMORY = Argument(
    "--memory",
    "with --rsp: further memory that may be read; repeatable",
    {"action": "append", "default": [], "metavar": "START,END"},
)
SOURCES = (CORE, _IMAGE, _ELF, _MEMORY)


def obey(name: str, words: List[str]) -> int:
    """Runs a command and returns its exit status."""
    command: Declared = command_named(name)
    if isinstance(command, Tool):
        cut = words.index("--") if "--" in words else len(words)
        if "--help" in words[:cut]:
            put("\n".join(filter(None, (help_of(command, f"memtrace {name}"), command.more))), sys.stdout)
            return 0
        return command.start(parsed_in_shell(command, words[:cut]), words[cut + 1 :])
    if "--help" in words:
        put(help_of(command, f"memtrace {name}", SOURCES), sys.stdout)
        return 0
    options = parsed_in_shell(command, words, SOURCES)
    if command.writes and options.rsp is None:
        raise UserError(f"{name} asks a live target, which files are not: use it in GDB, or give --rsp HOST:PORT")
    with _target(options) as target:
        report = command.run(target, options)
    text = told(report, command.text, options)
    if text is not None:
        put(text, sys.stdout)
    return command.status(report)


@contextmanager
def _target(options: Namespace) -> Iterator[Target]:
    """Yields the target that the options name: files, or a server of GDB's remote protocol."""
    heaps = getattr(options, "heap", [])
    if options.rsp is None:
        if options.memory:
            raise UserError("--memory names memory behind --rsp: leave it out, or add a file with --image BASE=FILE")
        yield load("target.files", "file_target")(options.core, options.image, options.elf, heaps)
        return
    if options.image or options.core is not None:
        raise UserError("--rsp is a live target, and a core or --image a file: give one of them")
    with load("target.rsp_shell", "rsp_target")(options.rsp, options.elf, heaps, options.memory, say) as target:
        yield target
