# SPDX-License-Identifier: Apache-2.0
"""Reads memory of a live target by GDB's remote protocol, without GDB: QEMU, OpenOCD, gdbserver, the stub on a chip.

Approach: one request, one reply, in order. Only the requests that reading needs are sent: features, the kind of the
stub, `m`. Nothing makes the target run. If a reply is damaged, the request is sent again, for reads may be repeated. If
a stub is silent or hangs up, one line says so, and nothing more is sent to it.
A reply has a time limit as a whole, so that a stub that drips ends, too: bytes give it more time at the speed of a slow
console, and whole packets that nobody asked for (a server that is busy sends them) a few times as much in all.
Rejected: a NAK for a damaged reply. Espressif's stub on the chip ignores it, and both sides then wait for ever.
Cost: a round trip for each PacketSize / 2 bytes; four to connect.
Assumptions: some stubs halt the target on a connection: QEMU, OpenOCD, gdbserver. `D` then lets go of the target, and
the stub decides if it runs on. A target that had stopped before gets no `D`: QEMU tells this by `info status`, others
by the reason of the stop.
Limits: a target that an earlier debugger paused in QEMU by Ctrl-C looks as if memtrace had paused it.
"""

from __future__ import annotations

import os
import re
import socket
import time
from typing import Optional, Tuple

from gdbext.source.memory import NoTarget
from gdbext.source.snapshot import ByteOrder

CONNECT_SECONDS = 5.0
REPLY_SECONDS = 10.0
_MOST_TIMES = 3  # of these seconds, for a reply behind packets that nobody asked for
_SLOWEST = 4096  # bytes a second
DETACH_SECONDS = 2.0

_DEFAULT_PIECE = 256  # bytes of memory a request without a PacketSize: a stub on the chip has a small buffer
_LARGEST_PIECE = 1 << 16
_LARGEST_REPLY = 1 << 20
_MOST_TRIES = 3
_SILENCE_SECONDS = 0.2
_MOST_STRAY = 64  # packets that nobody asked for, before the reply
_ASKED_TO_STOP = {b"00", b"02"}  # signals of a stop by a debugger
_HALTED_BEFORE = re.compile(r"paused \(.*\)")  # plain "paused": by this connection

_CONSOLE = re.compile(rb"O([0-9a-fA-F]{2})*")
_STOP = re.compile(rb"[ST][0-9a-fA-F]{2}")
_ENCODED = re.compile(rb"\}(.)|(?<=.)\*([\x1e-\xff])", re.DOTALL)  # an escape; a run of the byte before it
_FEATURES = b"qSupported:swbreak+;hwbreak+"


_WRITTEN = "give HOST:PORT, as GDB's `target remote` takes it"


class RspConnection:
    """A connection to a stub. `ask` sends one request and returns its reply. Each failure of the link is a NoTarget."""

    def __init__(self, address: str, timeout: float = REPLY_SECONDS) -> None:
        self.address = address
        self._timeout = timeout
        self._deadline = self._last_deadline = float("inf")  # of the reply that is waited for
        self._rest = b""
        self._acks = True
        self._stream: Optional[socket.socket] = connect(address)
        self.kind = "other"  # or "qemu", or "chip": a small stub, as in a chip's panic handler
        self.piece = _DEFAULT_PIECE  # bytes of memory in one request
        self.stood = True  # the target had stopped before this connection
        self._send(b"+")
        features = self.ask(_FEATURES)
        if not features:
            self.kind = "chip"
            return
        if b"QStartNoAckMode+" in features and self.ask(b"QStartNoAckMode") == b"OK":
            self._acks = False
        told = re.search(rb"PacketSize=([0-9a-fA-F]{1,8})(?:;|$)", features)
        if told:
            self.piece = min(max(int(told[1], 16) // 2, 16), _LARGEST_PIECE)
        if self.ask(b"qqemu.sstepbits"):
            self.stood = _HALTED_BEFORE.search(self.monitor("info status")) is not None
            self.kind = "qemu"
        else:
            self.stood = self.ask(b"?")[1:3] not in _ASKED_TO_STOP

    @property
    def parting(self) -> Optional[str]:
        """Returns a warning if the target may stay halted because of this connection, else None."""
        if self.kind != "other" or self.stood:
            return None
        return (
            "the server halted the target for this, or found it halted; whether it runs on is its configuration's say"
        )

    def describe(self) -> str:
        """Describes the stub: address, kind, bytes a request."""
        who = {"qemu": "QEMU's stub", "chip": "a small stub, as in a chip's panic handler", "other": "a stub"}
        return f"{self.address}: {who[self.kind]}, {self.piece:,} bytes a request"

    def ask(self, request: bytes) -> bytes:
        """Returns the reply to a request; empty if the stub does not know the request."""
        self._last_deadline = time.monotonic() + _MOST_TIMES * self._timeout
        self._renew()
        for _ in range(_MOST_TRIES):
            reply = self._exchange(request)
            if reply is not None:
                return reply
            self.settle()
        raise self._lost(f"sends damaged packets ({_MOST_TRIES} in a row)")

    def monitor(self, command: str) -> str:
        """Returns the output of a monitor command. Use it only for commands that change nothing."""
        text = bytearray()
        reply: Optional[bytes] = self.ask(b"qRcmd," + command.encode().hex().encode())
        for _ in range(_MOST_STRAY):
            if not reply or reply == b"OK" or reply[:1] == b"E":
                break
            text += _unhexed(reply[1:] if reply[:1] == b"O" else reply) or b""
            reply = self._reply()
        return text.decode("utf-8", "replace")

    def _renew(self) -> None:
        self._deadline = min(time.monotonic() + self._timeout, self._last_deadline)

    def _exchange(self, request: bytes) -> Optional[bytes]:
        """Sends a request once and returns the reply; None if the request or the reply was damaged on the way."""
        self._send(b"$%b#%02x" % (request, sum(request) & 0xFF))
        for _ in range(_MOST_STRAY):
            reply = self._reply()
            if reply is None or request.startswith(b"qRcmd"):
                return reply
            stopped = request != b"?" and _STOP.match(reply) is not None  # a stub that faults reports a stop
            if not stopped and _CONSOLE.fullmatch(reply) is None:
                return reply
            if self.kind == "chip" and _STOP.match(reply):
                return b""  # the stub has faulted and will not answer
            self._renew()
        raise self._lost("sends packets that nobody asked for")

    def _reply(self) -> Optional[bytes]:
        """Acknowledges the next packet and returns its contents; None if it is damaged."""
        packet = self._packet()
        if packet is None or b"%02x" % (sum(packet[0]) & 0xFF) != packet[1].lower():
            return None
        if self._acks:
            self._send(b"+")
        return expanded(packet[0])

    def _packet(self) -> Optional[Tuple[bytes, bytes]]:
        """Returns the next packet's bytes between `$` and `#`, and its checksum; None if the stub has sent a NAK.

        Console text, acks and notifications are skipped.
        """
        skipped = 0
        while skipped < _LARGEST_REPLY:
            end = self._rest.find(b"#")
            while 0 <= end <= len(self._rest) - 3:
                ahead, checksum, self._rest = self._rest[:end], self._rest[end + 1 : end + 3], self._rest[end + 3 :]
                if b"$" in ahead:
                    return ahead[ahead.rindex(b"$") + 1 :], checksum
                end = self._rest.find(b"#")
            if self._acks and self._rest[:1] == b"-":
                return None
            if b"$" not in self._rest:
                self._rest = b""
            data = self._receive()
            skipped += len(data)
            self._rest += data
        raise self._lost("sends without end")

    def settle(self) -> None:
        """Receives and drops all bytes until the stub is silent: a late reply must not answer the next request."""
        self._rest = b""
        stream = self._open()
        stream.settimeout(_SILENCE_SECONDS)
        try:
            for _ in range(_MOST_STRAY):
                if not stream.recv(1 << 16):
                    break
        except OSError:
            pass  # silence; or the link is gone, and the next request fails

    def _send(self, data: bytes) -> None:
        try:
            self._open().sendall(data)
        except socket.timeout:
            raise self._lost(f"has taken nothing for {self._timeout:g} s") from None
        except OSError as problem:
            raise self._lost(f"is gone ({_reason(problem)})") from None

    def _receive(self) -> bytes:
        stream, left = self._open(), self._deadline - time.monotonic()
        if left <= 0:
            raise self._lost("sends too slowly: its answer is not whole in time")
        stream.settimeout(min(left, self._timeout))
        try:
            data = stream.recv(1 << 16)
        except socket.timeout:
            raise self._lost(f"has not answered for {self._timeout:g} s") from None
        except OSError as problem:
            raise self._lost(f"is gone ({_reason(problem)})") from None
        if not data:
            raise self._lost("has hung up")
        self._deadline += len(data) / _SLOWEST
        self._last_deadline += len(data) / _SLOWEST
        return data

    def _open(self) -> socket.socket:
        if self._stream is None:
            raise NoTarget(f"the connection to {self.address} is closed: repeat the command")
        self._stream.settimeout(self._timeout)
        return self._stream

    def _lost(self, what: str) -> NoTarget:
        """Closes the connection and returns the error to raise."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None
        return NoTarget(
            f"the target at {self.address} {what}: look at the link and its server, then repeat the command"
        )

    def close(self) -> None:
        """Lets go of the target as it was found, and hangs up. Ignores a link that is gone already."""
        if self._stream is None:
            return
        self._timeout = DETACH_SECONDS
        try:
            if not self.stood:
                self.ask(b"D")
        except NoTarget:
            pass  # the stub may hang up instead of answering
        if self._stream is not None:
            self._stream.close()
            self._stream = None


class RspSource:
    """The memory behind a connection, as a source. The protocol tells neither pointer size nor byte order."""

    def __init__(self, connection: RspConnection, pointer_size: int = 4, byte_order: ByteOrder = "little") -> None:
        self.connection = connection
        self.pointer_size = pointer_size
        self.byte_order = byte_order

    def read(self, address: int, length: int) -> Optional[bytes]:
        """Returns exactly `length` bytes, or None."""
        data = b""
        while len(data) < length:
            wanted = min(length - len(data), self.connection.piece)
            part = _unhexed(self.connection.ask(b"m%x,%x" % (address + len(data), wanted)))
            if part is not None and len(part) < wanted and self.connection.kind == "chip":
                self.connection.settle()  # a short reply: the stub on a chip has faulted
                return None
            if not part or len(part) > wanted:
                return None
            data += part
        return data

    def write(self, address: int, data: bytes) -> bool:
        """Writes a few bytes. Returns True if the target took them."""
        return self.connection.ask(b"M%x,%x:%b" % (address, len(data), data.hex().encode())) == b"OK"


def connect(address: str) -> socket.socket:
    """Connects to HOST:PORT, :PORT on this machine, or the path of a UNIX socket."""
    try:
        if "/" in address:
            stream = socket.socket(socket.AF_UNIX)
            stream.settimeout(CONNECT_SECONDS)
            stream.connect(address)
            return stream
        host, port = _host_and_port(address)
        stream = socket.create_connection((host, port), CONNECT_SECONDS)
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return stream
    except UnicodeError:  # HOST cannot be the name of a host
        raise NoTarget(f"{address}: {_WRITTEN}") from None
    except OSError as problem:
        why = f"cannot connect to {address} ({_reason(problem)})"
        raise NoTarget(f"{why}: is OpenOCD, QEMU or a bridge listening there?") from None


def _host_and_port(address: str) -> Tuple[str, int]:
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdigit() or not 0 < int(port) < 1 << 16:
        raise NoTarget(f"{address}: {_WRITTEN}")
    return host.replace("tcp:", "").strip("[]") or "localhost", int(port)


def is_same_server(one: str, other: str) -> bool:
    """Tells whether two addresses, as `connect` takes them, lead to the same server."""
    if "/" in one or "/" in other:
        return os.path.realpath(one) == os.path.realpath(other)
    try:
        (host, port), (other_host, other_port) = _host_and_port(one), _host_and_port(other)
        if port != other_port:
            return False
        found = [{place[4][0] for place in socket.getaddrinfo(name, port)} for name in (host, other_host)]
    except (NoTarget, OSError, UnicodeError):
        return False
    return not found[0].isdisjoint(found[1])


def _reason(problem: OSError) -> str:
    return (problem.strerror or str(problem) or type(problem).__name__).lower()


def expanded(raw: bytes) -> bytes:
    """Returns a packet's contents with escapes and run lengths decoded."""
    found, position = bytearray(), 0
    for match in _ENCODED.finditer(raw):
        found += raw[position : match.start()]
        found += bytes([match[1][0] ^ 0x20]) if match[1] else found[-1:] * (match[2][0] - 29)
        position = match.end()
    return bytes(found + raw[position:])


def _unhexed(data: bytes) -> Optional[bytes]:
    try:
        return bytes.fromhex(data.decode("ascii"))
    except ValueError:
        return None
