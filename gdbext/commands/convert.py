# SPDX-License-Identifier: Apache-2.0
"""memtrace convert, in the shell: Write a log again: in packs or rows, packed or not, of one run, of another tool.

Approach: the log is read and written event by event, in constant memory. What it has lost or cannot tell is lost in the
new one, too. The file takes its place when it is whole.
Limits: definitions that no event uses are left out; streams become one.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from typing import BinaryIO, Iterator, List, Optional

from gdbext.commands.arguments import PARTITION, PATH
from gdbext.commands.command import Argument, Tool
from gdbext.model.errors import UserError
from gdbext.model.said import Trouble
from gdbext.report.numbers import counted, size_words
from gdbext.report.printable import put, text_of
from gdbext.report.sentences import words
from gdbext.source.files import FileError
from gdbext.source.packing import LEVEL, is_packed, packer
from gdbext.source.replace import ANY_FILE, NEW_FILES, new_file, place_of
from gdbext.target.files import wanted_by
from gdbext.target.log import run_of
from gdbext.target.log_files import machine_in, opened
from gdbext.trace.convert import Conversion
from gdbext.trace.log_writer import LogWriter
from gdbext.trace.opened import log_in

_ARGUMENTS = (
    Argument("log", "a log, of memtrace or of another tool, packed or not; `-` is standard input", {"metavar": "LOG"}),
    Argument("out", "the new log; FILE.zst and FILE.gz are packed", {"metavar": "OUT"}),
    Argument(
        "--rows",
        "an event a row, as targets write them. Without it: packs, which are smaller",
        {"action": "store_true"},
    ),
    Argument(
        "--run",
        "this start of the program alone: a number from 1 on, or `last`. Without it: all",
        {"metavar": "N", "type": run_of, "default": "all"},
    ),
    Argument("--elf", "the program, where another tool's log needs it to tell addresses of code", {"metavar": "FILE"}),
    PARTITION,
    PATH,
    Argument("--overwrite", "replace OUT if it is there", {"action": "store_true"}),
)


def start(options: Namespace, _: List[str]) -> int:
    """Writes the log and says what is in it. UserError says why it cannot."""
    name: str = options.log
    try:
        file = opened(name, wanted_by(options))
        log = log_in(file, 0 if options.elf is None else machine_in(options.elf))
        if log is None:
            raise UserError(f"{name} is no log that memtrace knows")
        level = None if options.rows or is_packed(options.out) else LEVEL
        conversion = Conversion(LogWriter(not options.rows, level), options.run)
        size = _write(options, conversion.pieces(log.chunks()), conversion)
    except Trouble as problem:
        raise UserError(f"{name}: {words(problem.why)}") from None
    except FileError as problem:
        raise UserError(str(problem)) from None
    lost = f", {conversion.lost:,} lost" if conversion.lost else ""
    unread = f", {counted(conversion.unread, 'record')} not understood" if conversion.unread else ""
    lines = [f"{options.out}: {counted(conversion.events, 'event')}{lost}{unread}, {size_words(size)}"]
    put(text_of([*lines, *map(words, (*log.remarks(), *log.beside.notes))]), sys.stdout)
    return 0


def _write(options: Namespace, pieces: Iterator[Optional[bytes]], conversion: Conversion) -> int:
    """Writes the new log. Returns the bytes that it has on the disk."""
    policy = ANY_FILE if options.overwrite else NEW_FILES
    try:
        with new_file(place_of(options.out, policy, (options.log,)), policy) as file:
            _pack(file, options.out, pieces)
            if options.run not in ("last", "all") and options.run > conversion.runs:
                raise UserError(f"--run {options.run}: {options.log} has {counted(conversion.runs, 'run')}")
            return file.seek(0, 2)
    except OSError as problem:
        raise UserError(f"{options.out} cannot be written: {problem.strerror or problem}") from None


def _pack(file: BinaryIO, name: str, pieces: Iterator[Optional[bytes]]) -> None:
    out = packer(file, name)
    for piece in pieces:
        if piece is None:
            out.close()
            file.seek(0)
            file.truncate()
            out = packer(file, name)
        else:
            out.write(piece)
    out.close()


COMMAND = Tool(__name__, __doc__, _ARGUMENTS, start)
