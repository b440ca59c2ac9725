# SPDX-License-Identifier: Apache-2.0
"""memtrace decode, in the shell: Put functions, files and lines below the addresses in a console's text.

Approach: a filter. What comes is passed on at once, and names of addresses in lines of their own below it. To a
terminal goes nothing that commands it; a pipe and a file get the bytes as they are.
Rejected: a report of the addresses alone (what stands between them says what happened).
Cost: 50 MB/s where the text has no addresses; a second or less for the names of a crash.
Limits: a text in UTF-16 comes out in UTF-8.
"""

from __future__ import annotations

import select
import sys
from argparse import Namespace
from typing import Iterator, List, Optional, TextIO

from gdbext.commands.arguments import folder
from gdbext.commands.command import Argument, Tool
from gdbext.console.names import Programs
from gdbext.model.errors import UserError
from gdbext.model.said import Trouble
from gdbext.report.console import Console
from gdbext.report.decode import Decoder
from gdbext.report.printable import put_bytes, say
from gdbext.report.sentences import words
from gdbext.source.console_text import as_utf_8
from gdbext.source.files import FileError
from gdbext.source.log_file import LogFile, open_log

ELF = Argument(
    "--elf",
    "a program that the text may be of, and the mask ROM's; repeatable: the one with the right SHA-256 is taken",
    {"metavar": "FILE", "action": "append", "default": []},
)
SYMBOLS = Argument(
    "--symbols",
    "a folder with builds: the ELF file in it that has the right SHA-256 is taken; repeatable",
    {"metavar": "DIR", "action": "append", "default": [], "type": folder},
)
LOG = Argument(
    "log",
    "the console's text, packed or not; `-`, or none, is standard input",
    {"metavar": "LOG", "nargs": "?", "default": "-"},
)
_ARGUMENTS = (LOG, ELF, SYMBOLS)
_MORE = "Example: idf.py monitor | memtrace decode --elf build/app.elf"
_PATIENCE_SECONDS = 0.2  # without a byte, until what waits for more of a crash goes out


def start(options: Namespace, _: List[str]) -> int:
    """Passes the text on. UserError says why it cannot be read."""
    try:
        programs = Programs(options.elf, options.symbols, say)
        file = open_log(options.log)
        decoder, output = Decoder(programs.of), Output(sys.stdout)
        for data in arriving(file):
            for out in decoder.idle() if data is None else decoder.add(data):
                output.add(out)
        for out in decoder.finish():
            output.add(out)
        output.finish()
    except Trouble as problem:
        raise UserError(f"{options.log}: {words(problem.why)}") from None
    except FileError as problem:
        raise UserError(str(problem)) from None
    for remark in file.remarks:
        say(words(remark))
    return 0


class Output:
    """Where a text goes: what a terminal would obey is shown to it as escapes."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._console = Console(stream) if stream.isatty() else None

    def add(self, out: object) -> None:
        """Takes what a decoder yields. Crashes do not go out."""
        if not isinstance(out, bytes):
            return
        if self._console is None:
            put_bytes(out, self._stream)
        else:
            self._console.add(out)

    def finish(self) -> None:
        """Ends the last line."""
        if self._console is not None:
            self._console.finish()


def arriving(file: LogFile) -> Iterator[Optional[bytes]]:
    """Yields the pieces of a text as UTF-8, and None whenever nothing comes for the moment."""
    for piece in as_utf_8(file.chunks()):
        yield piece
        if not file.is_regular and not _is_ready():
            yield None


def _is_ready() -> bool:
    try:
        return bool(select.select([sys.stdin], [], [], _PATIENCE_SECONDS)[0])
    except (OSError, ValueError):  # not of this system's pipes
        return False


COMMAND = Tool(__name__, __doc__, _ARGUMENTS, start, _MORE)
