# SPDX-License-Identifier: Apache-2.0
"""Reads a serial port, alone: nobody else may open it meanwhile, where the system can see to that.

Approach: pyserial, which knows the ports of every system, and servers (socket://HOST:PORT, rfc2217://HOST:PORT). Its
lines DTR and RTS are not raised, as they reset the boards that are wired for it.
Rejected: termios (no Windows, no baud rates of one's own, no servers).
"""

from __future__ import annotations

import errno
import os
from typing import Any, Iterator

from gdbext.source.files import FileError

_IDLE_SECONDS = 0.2  # without a byte, until the caller is told


class SerialPort:
    """An open port."""

    def __init__(self, name: str, baud: int) -> None:
        try:
            import serial
        except ImportError:
            raise FileError("a serial port needs pyserial: pip install 'memtrace-heap[serial]'") from None
        if os.path.isfile(name):
            raise FileError(f"{name} is a file and no serial port: memtrace decode and explain read a console's text")
        self._name = name
        try:
            self._port: Any = serial.serial_for_url(name, do_not_open=True, timeout=_IDLE_SECONDS, exclusive=True)
            self._port.baudrate, self._port.dtr, self._port.rts = baud, False, False
            self._port.open()
        except (OSError, ValueError) as problem:
            raise FileError(f"{name} cannot be opened: {_reason(problem)}") from None

    def chunks(self) -> Iterator[bytes]:
        """Yields what comes, and b"" when a moment passes without a byte. Raises FileError when the port is gone."""
        try:
            while True:
                yield self._port.read(max(1, self._port.in_waiting))
        except OSError as problem:
            raise FileError(f"{self._name} is gone: {_reason(problem)}") from None

    def close(self) -> None:
        """Lets others open it."""
        self._port.close()


def _reason(problem: Exception) -> str:
    """Returns what the system says, without pyserial's words around it."""
    if getattr(problem, "errno", None) == errno.EAGAIN:
        return "another program has it"
    known = getattr(problem, "strerror", None) or str(problem)
    return known.rpartition("] ")[2].split(": '")[0]
