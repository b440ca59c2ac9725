# SPDX-License-Identifier: Apache-2.0
"""Stands between GDB and a real stub (QEMU, OpenOCD) and counts what passes.

    with Qemu(elf) as chip, RspProxy(chip.remote) as proxy:
        run_gdb([remote(proxy.remote), "continue"])
        assert proxy.count("m") == 0

GDB's own `set debug remote 1` would change GDB's output and its timing; a proxy changes neither what GDB says nor what
it hears. Acknowledgements are passed on and not counted. A test that must tell one command's packets from another's
sets `proxy.forget()` between two commands of a GdbSession, or reads `proxy.log`.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType

from tests.support import rsp_wire
from tests.support.rsp_traffic import Traffic
from tests.support.sockets import at_once, connect, listen


class RspProxy(Traffic):
    """Serves one connection after the other, each with a connection of its own to `upstream`."""

    def __init__(self, upstream: str, *, tcp: bool = False) -> None:
        super().__init__()
        self._upstream = upstream
        self._listener = listen(tcp=tcp)
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve, name="rsp-proxy", daemon=True)
        self.remote = self._listener.address

    def __enter__(self) -> RspProxy:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Cut all connections and stop serving."""
        for end in [self._listener.socket, *self._open]:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._thread.join(60.0)
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.socket.accept()
            except OSError:
                return
            with at_once(client):
                self._join(client)

    def _join(self, client: socket.socket) -> None:
        with connect(self._upstream) as server:
            server.settimeout(None)
            self._open = [client, server]
            replies = threading.Thread(target=self._pump_replies, args=(server, client), daemon=True)
            replies.start()
            self._pump_requests(client, server)
            replies.join(60.0)

    def _pump_requests(self, client: socket.socket, server: socket.socket) -> None:
        splitter = rsp_wire.Splitter()
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                self.bytes_in += len(data)
                for item in splitter.feed(data):
                    self._note(item)
                server.sendall(data)
        _end(server)

    def _pump_replies(self, server: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                self.bytes_out += len(data)
                client.sendall(data)
        _end(client)

    def _note(self, item: bytes) -> None:
        if item[:1] == b"$":
            self.note(item[1:-3])
        elif item == rsp_wire.INTERRUPT:
            self.note(item, "interrupt")


def _end(stream: socket.socket) -> None:
    with contextlib.suppress(OSError):
        stream.shutdown(socket.SHUT_RDWR)
