# SPDX-License-Identifier: Apache-2.0
"""The extension's own client of the remote protocol: against stubs with faults, hostile bytes, and QEMU."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import repeat
from pathlib import Path

import pytest

from gdbext.source.memory import NoTarget
from gdbext.source.rsp import RspConnection, RspSource, expanded
from tests.support import rsp_wire
from tests.support.gdb import remote, run_gdb
from tests.support.panic_stub import PanicStub
from tests.support.qemu import RAM_BASE, Qemu
from tests.support.rsp_proxy import RspProxy
from tests.support.rsp_stub import Faults, Link, RspStub, stub_of
from tests.support.rsp_target import Memory
from tests.support.rsp_traffic import wait_until
from tests.support.sockets import listen

BASE = 0x3FC8_0000
DATA = bytes(range(256)) * 64
NEVER = ("c", "s", "vCont", "M", "X", "G", "P", "Z", "k")


@contextmanager
def connected(remote: str, timeout: float = 60.0) -> Iterator[RspSource]:
    connection = RspConnection(remote, timeout)
    try:
        yield RspSource(connection)
    finally:
        connection.close()


@pytest.mark.parametrize("tcp", [False, True], ids=["unix", "tcp"])
def test_reads_are_split_by_the_packet_size(tcp: bool) -> None:
    with RspStub(Memory.of([(BASE, DATA)]), link=Link(packet_size=0x400), tcp=tcp) as stub:
        with connected(stub.remote) as source:
            assert source.read(BASE + 1, 5000) == DATA[1:5001]
        assert stub.problems == []
        reads = [request.span for request in stub.log if request.kind == "m"]
        assert [len(span) for span in reads] == [512] * 9 + [392]
        assert stub.count("QStartNoAckMode") == 1
        assert stub.count(*NEVER) == 0


def test_a_stub_that_tells_no_size_gets_small_reads() -> None:
    with stub_of([(BASE, DATA)], link=Link(packet_size=None)) as stub:
        with connected(stub.remote) as source:
            assert source.connection.kind == "chip"
            assert source.read(BASE, 1000) == DATA[:1000]
        assert max(len(request.span) for request in stub.log) <= 256
        assert stub.count_except("m") == stub.count("qSupported") == 1, "nothing else is asked of it"


def test_errors_short_replies_and_holes() -> None:
    refused = Faults(errors=[range(BASE + 64, BASE + 68)])
    with RspStub(Memory.of([(BASE, DATA)]), faults=refused) as stub, connected(stub.remote) as source:
        assert source.read(BASE + 60, 8) is None
        assert source.read(BASE, 64) == DATA[:64]
        stub.fail(Faults(short_replies=True))
        assert source.read(BASE + len(DATA) - 8, 16) is None
        stub.memory.regions.append((BASE + len(DATA), bytearray(b"next")))
        assert source.read(BASE + len(DATA) - 8, 12) == DATA[-8:] + b"next"


def test_a_dropped_connection_and_a_stall_are_one_line() -> None:
    with stub_of([(BASE, DATA)]) as stub:
        stub.fail(Faults(drop_after=1))
        with connected(stub.remote) as source:
            assert source.read(BASE, 4) == DATA[:4]
            with pytest.raises(NoTarget, match=r"has hung up: .*repeat the command$"):
                source.read(BASE, 4)
            with pytest.raises(NoTarget, match="is closed"):
                source.read(BASE, 4)
        stub.fail(Faults(stall_after=0))
        stub.forget()
        with connected(stub.remote) as source:
            source.connection._timeout = 0.5  # only for what is never answered
            with pytest.raises(NoTarget, match="has not answered for 0"):
                source.read(BASE, 4)
        assert stub.count("m") == 1, "silence is not asked again"


@pytest.mark.parametrize("address", ["127.0.0.1:1", "/nonexistent/socket", "here", "host:99999", ":x"])
def test_what_cannot_be_connected_to_is_one_line(address: str) -> None:
    with pytest.raises(NoTarget, match=r"cannot connect|give HOST:PORT") as caught:
        RspConnection(address)
    assert "\n" not in str(caught.value)


def test_expanding() -> None:
    assert expanded(b"0* ") == b"0000"
    assert expanded(b'a}\x03b}]*"') == b"a#b" + b"}" * 6
    assert expanded(b"*5") == b"*5", "nothing to repeat"
    assert expanded(b"x}") == b"x}"


class Scripted:
    """A stub of a few lines: `answer` gives the raw bytes for each request, or pieces of them without end."""

    def __init__(self, answer: Callable[[bytes], bytes | Iterator[bytes]]) -> None:
        self._given = answer
        self.heard: list[bytes] = []
        self._listener = listen()
        self.remote = self._listener.address
        threading.Thread(target=self._serve, daemon=True).start()

    def answer(self, data: bytes) -> Iterable[bytes]:
        given = self._given(data)
        return [given] if isinstance(given, bytes) else given

    def _serve(self) -> None:
        stream, _ = self._listener.socket.accept()
        splitter = rsp_wire.Splitter()
        try:
            while data := stream.recv(65536):
                for item in splitter.feed(data):
                    self._item(stream, item)
        except OSError:
            return

    def _item(self, stream: socket.socket, item: bytes) -> None:
        if item[:1] == b"$":
            self.heard.append(item[1:-3])
            for piece in self.answer(item[1:-3]):
                stream.sendall(piece)


def acked(data: bytes) -> bytes:
    return b"+" + rsp_wire.packet(data)


def plain(data: bytes) -> bytes:
    """A stub that knows PacketSize and reads."""
    if data.startswith(b"qSupported"):
        return acked(b"PacketSize=1000")
    if data == b"?":
        return acked(b"T05")
    return acked(b"00112233" if data[:1] == b"m" else b"")


@pytest.mark.parametrize(
    "reply",
    [
        b'+$0*"#00',
        b"noise +$00112233#8c",
        b"+%Stop:T05#d3$00112233#8c",
        b"+$O6869#3d$00112233#8c",
        b"+$T0b#e6$00112233#8c",
        b"+$0011$00112233#8c",
        b'+$0*"112233#92',
    ],
    ids=["bad-sum", "noise", "notification", "console", "stop", "restart", "other-sum"],
)
def test_odd_replies(reply: bytes) -> None:
    first = [reply]

    def answer(data: bytes) -> bytes:
        return first.pop() if data[:1] == b"m" and first else plain(data)

    stub = Scripted(answer)
    with connected(stub.remote) as source:
        assert source.read(BASE, 4) == bytes.fromhex("00112233")


def test_a_nak_is_obeyed_and_damage_without_end_is_said() -> None:
    naks = [b"-"]
    stub = Scripted(lambda data: naks.pop() if data[:1] == b"m" and naks else plain(data))
    with connected(stub.remote) as source:
        assert source.read(BASE, 4) == bytes.fromhex("00112233")
    assert stub.heard.count(b"m3fc80000,4") == 2
    stub = Scripted(lambda data: b"+$00#99" if data[:1] == b"m" else plain(data))
    with connected(stub.remote) as source, pytest.raises(NoTarget, match="sends damaged packets"):
        source.read(BASE, 4)


@pytest.mark.parametrize("flood", [b"x", b"$", b"$" + b"0" * 999, b"#", b"$O00#df", b"%a#61"])
def test_a_flood_ends(flood: bytes) -> None:
    """The flood itself does not: who waited for that would never come back."""
    piece = flood * (65536 // len(flood))
    stub = Scripted(lambda data: repeat(piece) if data[:1] == b"m" else plain(data))
    with connected(stub.remote) as source, pytest.raises(NoTarget):
        source.read(BASE, 4)


@pytest.mark.parametrize("reply", [b"zz", b"0", b"00112233445566", b"E01", b"", b"E.something"])
def test_a_reply_that_is_no_memory(reply: bytes) -> None:
    stub = Scripted(lambda data: acked(reply) if data[:1] == b"m" else plain(data))
    with connected(stub.remote) as source:
        assert source.read(BASE, 4) is None


@pytest.mark.parametrize(("reason", "detached"), [(b"S02", True), (b"T02thread:1;", True), (b"T05thread:1;", False)])
def test_a_target_that_stood_before_is_left_standing(reason: bytes, detached: bool) -> None:
    stub = Scripted(lambda data: acked(reason) if data == b"?" else acked(b"OK") if data == b"D" else plain(data))
    with connected(stub.remote) as source:
        assert (source.connection.parting is not None) == detached, "nobody knows whether it runs on"
    assert (b"D" in stub.heard) == detached


def test_the_panic_stub_is_recognised_and_survives() -> None:
    with PanicStub(Memory.of([(BASE, DATA)]), link=Link(packet_size=None)) as stub:
        with connected(stub.remote) as source:
            assert source.connection.kind == "chip"
            assert source.read(BASE, 600) == DATA[:600]
            assert source.write(BASE, b"\1\2\3\4")
            assert source.read(BASE, 4) == b"\1\2\3\4"
            assert source.read(0x100, 4) is None
            assert stub.deaths == []
            # What a real one would answer where nothing is: a packet cut short, then its stop once more.
            assert source.read(BASE + len(DATA) - 4, 8) is None
            assert source.read(BASE + 4, 4) == DATA[4:8], "the next reply is the next request's"
            stub.memory.unmap(BASE + 16, BASE + 32)
            assert source.read(BASE + 8, 64) is None
            assert source.read(BASE + 4, 4) == DATA[4:8]
        assert len(stub.deaths) == 2
        assert not stub.hung


COUNTER = """
    .globl _start
_start:
    la t0, word
loop:
    lw t1, 0(t0)
    addi t1, t1, 1
    sw t1, 0(t0)
    j loop
    .data
    .globl word
word:
    .word 0x100
"""


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("counter")
    (folder / "a.S").write_text(COUNTER)
    compiler = ["riscv64-unknown-elf-gcc", "-march=rv32imac", "-mabi=ilp32", "-nostdlib", "-static", "-g"]
    places = f"-Wl,-Ttext={RAM_BASE:#x},-Tdata={RAM_BASE + 0x1000:#x}"
    subprocess.run([*compiler, places, "a.S", "-o", "a.elf"], cwd=folder, check=True)
    return folder / "a.elf"


def count(chip: Qemu) -> int:
    with connected(chip.remote) as source:
        assert source.connection.kind == "qemu"
        return int.from_bytes(source.read(RAM_BASE + 0x1000, 4) or b"", "little")


def test_qemu_runs_on_if_it_ran(counter: Path) -> None:
    with Qemu(counter, paused=False) as chip, RspProxy(chip.remote) as proxy:
        chip.remote = proxy.remote
        first = count(chip)
        wait_until(lambda: count(chip) > first)
        assert proxy.count("D") >= 2
        assert proxy.count(*NEVER) == 0


def test_qemu_stays_at_reset_if_it_stood_there(counter: Path) -> None:
    with Qemu(counter) as chip:
        assert count(chip) == count(chip) == 0x100
        assert "0x00001000" in run_gdb([remote(chip.remote), "info registers pc"], elf=counter).stdout


def test_qemu_stays_at_a_breakpoint_of_a_debugger_that_is_gone(counter: Path) -> None:
    with Qemu(counter) as chip:
        lines = [remote(chip.remote), "break loop", "ignore 1 5", "continue", "python import os; os._exit(0)"]
        run_gdb(lines, elf=counter)
        assert count(chip) == count(chip) == 0x105
