# SPDX-License-Identifier: Apache-2.0
"""A stub that behaves like the one in ESP-IDF's panic handler, with all that makes it delicate.

What it knows is g, G, m, M, ?, H, T and the thread queries; everything else gets the empty reply: no qSupported, no
PacketSize, no Z, no s, no `monitor`, no detach. `c` and `vCont;c` are taken and never answered. A command may have 511
bytes. Memory is read byte by byte at the speed of a console. An `m` is refused only if its first or last byte lies
outside of the `valid` range; an unmapped byte within faults the handler, which enters itself again: the packet under
way ends in the middle, the stop is reported once more, and there are no tasks from then on. A NAK is ignored. Its
answer to `M` is framed twice. The test looks at `deaths`, `hung` and the log.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.support import rsp_wire
from tests.support.rsp_stub import ERROR, NOTHING, OK, UART, Link, RspStub

COMMAND_BYTES = 512


@dataclass
class PanicStub(RspStub):
    """Serves `memory` as a chip that stands in its panic handler does. `valid`: addresses that it thinks are memory."""

    link: Link = UART
    describe: bool = False
    threads: Sequence[str] = ("main", "IDLE")
    valid: range = field(default_factory=lambda: range(0x2000_0000, 0x8000_0000))

    def __post_init__(self) -> None:
        """Count what kills a real one."""
        super().__post_init__()
        self.deaths: list[int] = []
        self.hung = False
        self._tasks = True
        self._listed = 0

    def _request(self, stream: socket.socket, item: bytes) -> None:
        data = rsp_wire.contents(item)
        if data is None:
            stream.sendall(b"-")
            return
        self.note(data)
        stream.sendall(b"+")
        if data[:1] == b"m" and self._faults_at(data):
            self._fault(stream, data)
            return
        reply = self._answer(data)
        if reply is None:
            self.hung = True
            return
        framed = rsp_wire.packet(reply)
        self._put(stream, b"$%b#9a" % framed if data[:1] == b"M" and reply == OK else framed)

    def _put(self, stream: socket.socket, raw: bytes) -> None:
        time.sleep(self.link.seconds(len(raw)))
        self.bytes_out += len(raw)
        stream.sendall(raw)

    def _answer(self, data: bytes) -> bytes | None:
        if len(data) >= COMMAND_BYTES:
            return ERROR
        if self.hung or data[:1] == b"c" or data.startswith(b"vCont;c"):
            return None
        if data[:1] == b"?":
            return b"T0b"
        if data[:1] in (b"g", b"G", b"m", b"M"):
            return super()._answer(data)
        return self._task_answer(data) if self._tasks else NOTHING

    def _task_answer(self, data: bytes) -> bytes:
        if data[:1] in (b"H", b"T"):
            return OK
        if data in (b"qfThreadInfo", b"qsThreadInfo"):
            self._listed = 0 if data == b"qfThreadInfo" else self._listed + 1
            return b"l" if self._listed == len(self.threads) else b"m%08x" % (self._listed + 1)
        if data == b"qC":
            return b"QC00000001"
        if data.startswith(b"qThreadExtraInfo,"):
            return f"Name: {self.threads[int(data.split(b',')[1], 16) - 1]} ".encode().hex().encode()
        return NOTHING

    def _span(self, data: bytes) -> tuple[int, int]:
        address, length = (int(word, 16) for word in data[1:].split(b","))
        return address, length

    def _memory_reply(self, address: int, length: int) -> bytes:
        if address not in self.valid or address + length - 1 not in self.valid:
            return ERROR
        return self.memory.read(address, length).hex().encode()

    def _faults_at(self, data: bytes) -> bool:
        address, length = self._span(data)
        inside = address in self.valid and address + length - 1 in self.valid
        return inside and len(self.memory.read(address, length)) < length

    def _fault(self, stream: socket.socket, data: bytes) -> None:
        address, length = self._span(data)
        first, last = self.memory.read(address, 1), self.memory.read(address + length - 1, 1)
        sent = b"$" + self.memory.read(address, length).hex().encode() if first and last else b""
        self.deaths.append(address)
        self._tasks = False
        self._put(stream, sent + b"#%02x" % rsp_wire.checksum(sent[1:]) + rsp_wire.packet(b"T0b"))
