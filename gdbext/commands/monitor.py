# SPDX-License-Identifier: Apache-2.0
"""memtrace monitor, in the shell: Show the console of a serial port and keep the log that comes over it in frames.

Approach: one process holds the port and takes apart what comes. Text goes to the terminal at once, the log into the
file as soon as a frame is whole, so that other commands can read the file meanwhile. With --elf the text passes the
decoder: a crash waits until it has told its build, or until nothing more comes.
Rejected: a log for the reader to take out of a raw capture later (it can be done; nobody would see the console then).
Cost: some 15 microseconds a frame.
"""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from typing import BinaryIO, Iterable, List, Optional, Sequence, Union

from gdbext.commands.command import Argument, Tool
from gdbext.commands.decode import ELF, SYMBOLS
from gdbext.console.names import Programs
from gdbext.loading import load
from gdbext.model.errors import UserError
from gdbext.report.console import Console
from gdbext.report.decode import Decoder
from gdbext.report.printable import say
from gdbext.source.files import FileError
from gdbext.source.replace import ANY_FILE, NEW_FILES, place_of
from gdbext.source.uart_frames import UartFrames


def _baud(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= _HIGHEST_BAUD:
        raise UserError(f"--baud {text}: a baud rate is a number, such as 115200")
    return int(text)


_HIGHEST_BAUD = 100_000_000
_ARGUMENTS = (
    Argument("port", "/dev/ttyUSB0, COM3, socket://HOST:PORT or rfc2217://HOST:PORT", {"metavar": "PORT"}),
    Argument("--log", "write the log that comes in frames to FILE", {"metavar": "FILE"}),
    Argument("--overwrite", "replace FILE if it is there", {"action": "store_true"}),
    Argument("--baud", "bits a second; without it: 115200", {"metavar": "N", "type": _baud, "default": 115_200}),
    ELF,
    SYMBOLS,
)
_MORE = "Nothing is sent to the port."


def start(options: Namespace, _: List[str]) -> int:
    """Reads the port until Ctrl-C, or until it is gone."""
    frames = UartFrames()
    try:
        console = _Decoded(options.elf, options.symbols) if options.elf or options.symbols else Console(sys.stdout)
        port = load("source.serial_port", "SerialPort")(options.port, options.baud)
        file = None if options.log is None else _log_file(options.log, options.overwrite)
    except FileError as problem:
        raise UserError(str(problem)) from None
    say(f"{options.port} at {options.baud:,} baud; Ctrl-C ends it")
    try:
        _pass_on(port.chunks(), frames, console, file)
    except KeyboardInterrupt:
        return 0
    except FileError as problem:
        raise UserError(str(problem)) from None
    except OSError as problem:
        raise UserError(f"{options.log} cannot be written: {problem.strerror or problem}") from None
    finally:
        port.close()
        console.finish()
        say(summary(frames, options.log))
    return 0


class _Decoded:
    """A console whose addresses get their names."""

    def __init__(self, paths: Sequence[str], folders: Sequence[str]) -> None:
        self._decoder, self._console = Decoder(Programs(paths, folders, say).of), Console(sys.stdout)

    def add(self, data: bytes) -> None:
        """Takes the next bytes. None: there is no more for the moment."""
        self._show(self._decoder.add(data) if data else self._decoder.idle())
        if not data:
            self._console.add(data)

    def finish(self) -> None:
        """Ends the last line."""
        self._show(self._decoder.finish())
        self._console.finish()

    def _show(self, found: Iterable[object]) -> None:
        for one in found:
            if isinstance(one, bytes):
                self._console.add(one)


def _pass_on(
    chunks: Iterable[bytes], frames: UartFrames, console: Union[Console, _Decoded], file: Optional[BinaryIO]
) -> None:
    for data in chunks:
        arrived = frames.feed(data)
        console.add(arrived.text)
        if file is not None and arrived.log:
            file.write(arrived.log)
            file.flush()


def _log_file(path: str, overwrite: bool) -> BinaryIO:
    try:
        place = place_of(os.path.expanduser(path), ANY_FILE if overwrite else NEW_FILES)
        return open(place, "wb")
    except OSError as problem:
        raise UserError(f"{path} cannot be written: {problem.strerror or problem}") from None


def summary(frames: UartFrames, log: Optional[str]) -> str:
    """Says what came, what was lost, and where it is."""
    if not frames.frames:
        found = f"{frames.broken:,} frames began and none was whole" if frames.broken else "no log came in frames"
        return f"{found}: docs/how-to/log-over-uart.md says how the program sends one"
    lost = f"{frames.broken:,} were broken, and {frames.lost:,} bytes of the log did not come"
    came = f"{frames.frames:,} frames of a log came; {lost if frames.broken or frames.lost else 'nothing was lost'}"
    return f"{came}; they are in {log}" if log else f"{came}; --log FILE keeps them"


COMMAND = Tool(__name__, __doc__, _ARGUMENTS, start, _MORE)
