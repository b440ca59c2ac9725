# SPDX-License-Identifier: Apache-2.0
"""Starts OpenOCD for `memtrace gdb`. If the start fails, one line says why.

Approach: OpenOCD runs beside GDB and has its own log. It chooses its port itself (0). The log tells the port, and the
numbers of the chip's breakpoints and watchpoints, which openocd_cfg/ prints.
Rejected: `target remote | openocd -c "gdb_port pipe"`. GDB hides OpenOCD's output, which tells the cause of a failure.
Cost: the log is read 20 times a second until OpenOCD listens.
Assumptions: the first match in the log is the port of the first core, in OpenOCD 0.11 and newer.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import List, Optional, Sequence, Tuple

from gdbext import package
from gdbext.model.errors import UserError

FOLDER = package.folder("openocd_cfg")
_PROGRAMS = ("openocd-esp32", "openocd")  # the first is Espressif's own, from PyPI: it knows all of their chips
_LISTENS = re.compile(r"Listening on port (\d+) for gdb connections")
_UNITS = re.compile(r"hardware breakpoints (\d+), watchpoints (\d+)")
_COMPLAINT = re.compile(r"Error ?: *(\S.*)$|^memtrace: (this OpenOCD .* has no file .*)$", re.MULTILINE)
_UNEXAMINED = "examination failed"
_BUSY = re.compile(r"couldn't bind .*: Address already in use")
_START_SECONDS = 20.0
_STOP_SECONDS = 5.0


def config_of(chip: str) -> Path:
    """Returns the configuration file of a chip."""
    file = FOLDER / f"{chip}.cfg"
    if chip and re.fullmatch(r"\w+", chip) and file.exists():
        return file
    known = sorted(path.stem for path in FOLDER.glob("*.cfg"))
    if not known:
        raise UserError(f"{FOLDER} is not there: install memtrace again, or name a file with --openocd-config")
    raise UserError(f"no OpenOCD configuration for the chip {chip}: there are {', '.join(known)}; or --openocd-config")


class OpenOcd:
    """A child process. `port` and `units` are known once it has started."""

    def __init__(self, config: Sequence[str], port: int = 0) -> None:
        program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
        if program is None:
            raise UserError(
                "there is no openocd on PATH: install it (for Espressif's chips: pip install openocd-esp32)"
            )
        ports = [f"gdb_port {port}", "tcl_port disabled", "telnet_port disabled"]
        self._line = [program, *(word for one in ports for word in ("-c", one)), *config]
        self._process: Optional[subprocess.Popen[bytes]] = None
        self._folder = tempfile.mkdtemp(prefix="memtrace-gdb-")
        self._log_file = os.path.join(self._folder, "openocd.log")
        self.port = port
        self.units: Tuple[int, ...] = ()  # numbers of hardware breakpoints and watchpoints, if the log has them

    def start(self) -> None:
        """Starts OpenOCD and waits until GDB can connect. UserError gives OpenOCD's own reason if it fails."""
        with open(self._log_file, "wb") as log:
            # Its own session: Ctrl-C in the terminal is for GDB and must not end OpenOCD.
            self._process = subprocess.Popen(
                self._line, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        limit = time.monotonic() + _START_SECONDS
        while _LISTENS.search(self._log()) is None:
            ended = self._process.poll() is not None or time.monotonic() > limit
            if ended or _BUSY.search(self._log()):  # without a port OpenOCD runs on
                raise UserError(self._why())
            time.sleep(0.05)
        if _UNEXAMINED in self._log():
            raise UserError(self._why())
        listens, units = _LISTENS.search(self._log()), _UNITS.search(self._log())
        self.port = int(listens[1]) if listens else self.port
        self.units = (int(units[1]), int(units[2])) if units else ()

    def stop(self) -> None:
        """Ends OpenOCD and removes its log."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _log(self) -> str:
        with open(self._log_file, encoding="utf-8", errors="replace") as file:
            return file.read()

    def _why(self) -> str:
        """Returns the reason of a failed start, from the line of the log that says most."""
        log = self._log()
        if _BUSY.search(log):
            return f"port {self.port} is taken (another OpenOCD?): end that one, or leave --port away for a free one"
        complaint = _COMPLAINT.search(log)
        if complaint is not None:
            return f"OpenOCD could not start: {complaint[1] or complaint[2]}"
        return "OpenOCD ended without a word" if self._process and self._process.poll() is not None else "OpenOCD hangs"


def arguments_of(config: Path, elf: str, offset: Optional[str]) -> List[str]:
    """Returns OpenOCD's arguments for a configuration and a program."""
    if any(character in elf for character in "{}\\\n"):
        raise UserError(f"{elf!r}: OpenOCD takes no such characters")
    given = [f"set MEMTRACE_ELF {{{elf}}}", *([f"set MEMTRACE_APP_OFFSET {offset}"] if offset else [])]
    return [*(word for one in given for word in ("-c", one)), "-f", str(config)]
