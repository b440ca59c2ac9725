# SPDX-License-Identifier: Apache-2.0
"""Listening sockets that nobody else can take: bound here, then handed on or served.

A port that is looked for, closed and opened again by another process can be lost in between; two test workers on one
machine do lose it. So the socket is bound once and its descriptor travels.
"""

from __future__ import annotations

import shutil
import socket
import tempfile
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Listener:
    """A listening socket and the word that GDB's `target remote` takes for it."""

    socket: socket.socket
    address: str
    folder: Path | None = None

    def close(self) -> None:
        """Close the socket here and remove its folder; a process that inherited it keeps listening."""
        self.socket.close()
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)


def listen(*, tcp: bool = False) -> Listener:
    """Return a listener on a UNIX socket of its own, or on a free TCP port of the loopback."""
    return _listen_tcp() if tcp else _listen_unix()


def at_once(stream: socket.socket) -> socket.socket:
    """Send small packets without waiting for the last one's acknowledgement: 40 ms a request, else."""
    if stream.family != socket.AF_UNIX:
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return stream


def connect(address: str, timeout: float = 60.0) -> socket.socket:
    """Connect to what `Listener.address` names."""
    host, colon, port = address.rpartition(":")
    if colon and port.isdigit():
        return at_once(socket.create_connection((host, int(port)), timeout))
    stream = socket.socket(socket.AF_UNIX)
    stream.settimeout(timeout)
    stream.connect(address)
    return stream


def _listen_tcp() -> Listener:
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen(1)
    return Listener(server, f"127.0.0.1:{server.getsockname()[1]}")


def _listen_unix() -> Listener:
    # Not in a test's own tmp_path: a socket's path may have 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="memtrace-"))
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(folder / "gdb"))
    server.listen(1)
    return Listener(server, str(folder / "gdb"), folder)
