# SPDX-License-Identifier: Apache-2.0
"""A server of GDB's remote protocol that shows memory images to a real GDB, on a link as slow and faulty as wanted.

    with RspStub(Memory.of([(image.base, image.data)]), link=Link(packet_size=512, latency=0.02)) as stub:
        run_gdb([remote(stub.remote), "x/4xw 0x3c0a0000"])
        assert stub.count("m") == 1  # Traffic: counts, log, bytes

One thread serves one connection after the other, so a GDB can come back after a drop. It waits in no lock while a test
reads the counters: those are only added to. Everything that costs a round trip is in `log`, in order.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from types import TracebackType

from tests.support import rsp_wire
from tests.support.rsp_target import Core, Memory
from tests.support.rsp_traffic import Traffic
from tests.support.sockets import at_once, listen

NOTHING = b""
OK = b"OK"
ERROR = b"E01"


@dataclass(frozen=True)
class Link:
    """The line between GDB and the chip.

    packet_size: bytes a packet may have, as told to GDB; None: not told and qSupported is not known, so that GDB 13
    reads 132 bytes at a time, as from Espressif's on-chip stub. latency: seconds a request; bandwidth: bytes a second
    over requests and replies together, None: no limit.
    """

    packet_size: int | None = 0x1000
    latency: float = 0.0
    bandwidth: float | None = None

    def seconds(self, size: int) -> float:
        """What it takes to carry `size` bytes there and back."""
        return self.latency + (size / self.bandwidth if self.bandwidth else 0.0)


UART = Link(packet_size=None, bandwidth=11_520.0)  # 115,200 baud; hex halves it: 5.7 KB/s of memory


@dataclass(frozen=True)
class Faults:
    """What goes wrong, by address or counted in reads (`m`) of mapped memory since the faults were set.

    errors: reads that touch these ranges answer E01, though mapped. short_replies: a read past the end of what is
    mapped answers what there is instead of E01. drop_after / stall_after: once so many reads were answered the
    connection is closed, or the stub is silent for `stall_seconds` at each further read. Only reads of mapped memory
    count, because GDB reads around the pc of its own accord when it connects; and to drop it *there* crashes GDB 13.
    """

    errors: Sequence[range] = ()
    short_replies: bool = False
    drop_after: int | None = None
    stall_after: int | None = None
    stall_seconds: float = 3600.0


Resume = Callable[["RspStub"], bytes | None]


def resume_at_breakpoint(stub: RspStub) -> bytes | None:
    """Stop at the lowest breakpoint that GDB has inserted; without one run until Ctrl-C."""
    if not stub.breakpoints:
        return None
    stub.core.values["pc"] = min(stub.breakpoints)
    return b"T05thread:1;"


def resume_never_stops(stub: RspStub) -> bytes | None:
    """Run until Ctrl-C."""
    return None


class DroppedError(Exception):
    """The stub hangs up."""


@dataclass
class RspStub(Traffic):
    """Serves `memory` and `core`. `resume` decides what follows c and s: a stop reply, or None: silence until Ctrl-C.

    describe: send a target description (else GDB takes the architecture from the ELF). threads: names, the first is
    current; empty: the stub knows no threads. watched: what it says to a watchpoint. sleep: what a slow link waits by.
    """

    memory: Memory
    core: Core = field(default_factory=Core)
    link: Link = field(default_factory=Link)
    faults: Faults = field(default_factory=Faults)
    resume: Resume = resume_at_breakpoint
    describe: bool = True
    threads: Sequence[str] = ("main",)
    watched: bytes = OK
    tcp: bool = False
    sleep: Callable[[float], object] = time.sleep

    def __post_init__(self) -> None:
        """Listen; `remote` is good from here on."""
        super().__init__()
        self._listener = listen(tcp=self.tcp)
        self._thread = threading.Thread(target=self._serve, name="rsp-stub", daemon=True)
        self._closing = threading.Event()
        self._connection: socket.socket | None = None
        self._acks = True
        self.remote = self._listener.address
        self.breakpoints: list[int] = []
        self.problems: list[str] = []
        self._reads = 0

    def __enter__(self) -> RspStub:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Hang up and stop serving."""
        self._closing.set()
        self.drop()
        with contextlib.suppress(OSError):
            self._listener.socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(60.0)
        self._listener.close()

    def fail(self, faults: Faults) -> None:
        """Let these faults hold from now on; their counts start at zero. `Faults()` heals everything."""
        self._reads = 0
        self.faults = faults

    def drop(self) -> None:
        """Hang up now, as a pulled cable does."""
        connection = self._connection
        if connection:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _serve(self) -> None:
        while not self._closing.is_set():
            try:
                self._connection, _ = self._listener.socket.accept()
            except OSError:
                return
            with at_once(self._connection):
                self._talk(self._connection)
            self._connection = None

    def _talk(self, stream: socket.socket) -> None:
        self._acks = True
        splitter = rsp_wire.Splitter()
        try:
            while data := stream.recv(65536):
                for item in splitter.feed(data):
                    self._item(stream, item)
        except (OSError, DroppedError):
            return
        except Exception as error:  # a stub that dies silently would look like a bug of what is tested
            self.problems.append(repr(error))
            raise

    def _item(self, stream: socket.socket, item: bytes) -> None:
        self.bytes_in += len(item)
        if item == rsp_wire.INTERRUPT:
            self._send(stream, b"T02thread:1;" if self.threads else b"S02")
        elif item[:1] == b"$":
            self._request(stream, item)

    def _request(self, stream: socket.socket, item: bytes) -> None:
        data = rsp_wire.contents(item)
        if self._acks:
            stream.sendall(b"-" if data is None else b"+")
        if data is None:
            return
        self.note(data)
        reply = self._answer(data)
        if reply is not None:
            self.sleep(self.link.seconds(len(item) + len(reply) + 4))
            self._send(stream, reply)
        if data.startswith(b"QStartNoAckMode"):
            self._acks = False
        if data in (b"D", b"k") or data.startswith(b"vKill"):
            raise DroppedError

    def _send(self, stream: socket.socket, reply: bytes) -> None:
        framed = rsp_wire.packet(reply)
        self.bytes_out += len(framed)
        stream.sendall(framed)

    def _answer(self, data: bytes) -> bytes | None:
        if data[:1] in (b"q", b"Q"):
            return self._query(data)
        answers: dict[bytes, Callable[[bytes], bytes | None]] = {
            b"?": lambda _: b"T05thread:1;" if self.threads else b"S05",
            b"H": lambda _: OK if self.threads else NOTHING,
            b"T": lambda _: OK,
            b"g": lambda _: self.core.all_registers(),
            b"G": self._write_registers,
            b"p": lambda rest: self.core.register(int(rest, 16)) or ERROR,
            b"P": self._write_register,
            b"m": self._read,
            b"M": self._write,
            b"X": self._write_binary,
            b"c": lambda _: self.resume(self),
            b"s": lambda _: self.resume(self),
            b"Z": self._insert,
            b"z": self._remove,
            b"D": lambda _: OK,
            b"k": lambda _: None,
        }
        answer = answers.get(data[:1])
        return answer(data[1:]) if answer else NOTHING

    def _query(self, data: bytes) -> bytes:
        if data.startswith(b"qSupported"):
            return self._features()
        if data.startswith(b"qXfer:features:read:target.xml:") and self.describe:
            return self._slice(self.core.description, data)
        if data.startswith(b"qThreadExtraInfo,"):
            return self.threads[int(data.split(b",")[1], 16) - 1].encode().hex().encode()
        names = b",".join(b"%x" % (index + 1) for index in range(len(self.threads)))
        threads = {b"qC": b"QC1", b"qfThreadInfo": b"m" + names, b"qsThreadInfo": b"l"} if self.threads else {}
        return {**threads, b"qAttached": b"1", b"QStartNoAckMode": OK}.get(data, NOTHING)

    def _features(self) -> bytes:
        if self.link.packet_size is None:
            return NOTHING
        features = b"PacketSize=%x;QStartNoAckMode+" % self.link.packet_size
        return features + (b";qXfer:features:read+" if self.describe else b"")

    @staticmethod
    def _slice(content: bytes, data: bytes) -> bytes:
        start, length = (int(word, 16) for word in data.rsplit(b":", 1)[1].split(b","))
        piece = content[start : start + length]
        return (b"m" if start + length < len(content) else b"l") + rsp_wire.escaped(piece)

    def _read(self, rest: bytes) -> bytes | None:
        address, length = (int(word, 16) for word in rest.split(b","))
        self._reads += bool(self.memory.read(address, length))
        if self.faults.drop_after is not None and self._reads > self.faults.drop_after:
            raise DroppedError
        if self.faults.stall_after is not None and self._reads > self.faults.stall_after:
            self._closing.wait(self.faults.stall_seconds)
        return self._memory_reply(address, length)

    def _memory_reply(self, address: int, length: int) -> bytes:
        if any(bad.start < address + length and address < bad.stop for bad in self.faults.errors):
            return ERROR
        if self.link.packet_size is not None:
            length = min(length, self.link.packet_size // 2)
        found = self.memory.read(address, length)
        whole = len(found) == length or (self.faults.short_replies and found)
        return found.hex().encode() if whole else ERROR

    def _write(self, rest: bytes) -> bytes:
        place, content = rest.split(b":", 1)
        address = int(place.split(b",")[0], 16)
        return OK if self.memory.write(address, bytes.fromhex(content.decode())) else ERROR

    def _write_binary(self, rest: bytes) -> bytes:
        place, content = rest.split(b":", 1)
        address = int(place.split(b",")[0], 16)
        return OK if self.memory.write(address, rsp_wire.unescaped(content)) else ERROR

    def _write_registers(self, rest: bytes) -> bytes:
        self.core.set_all_registers(rest)
        return OK

    def _write_register(self, rest: bytes) -> bytes:
        number, value = rest.split(b"=")
        return OK if self.core.set_register(int(number, 16), value) else ERROR

    def _insert(self, rest: bytes) -> bytes:
        kind, address = rest.split(b",")[:2]
        if kind in (b"0", b"1"):
            self.breakpoints.append(int(address, 16))
            return OK
        return self.watched

    def _remove(self, rest: bytes) -> bytes:
        kind, address = rest.split(b",")[:2]
        if kind in (b"0", b"1") and int(address, 16) in self.breakpoints:
            self.breakpoints.remove(int(address, 16))
        return OK


def stub_of(images: Iterable[tuple[int, bytes]], *, width: int = 4, link: Link | None = None) -> RspStub:
    """The short form: a stub over (base, bytes) pairs with pointers of `width` bytes."""
    return RspStub(Memory.of(images), Core(width), link or Link())
