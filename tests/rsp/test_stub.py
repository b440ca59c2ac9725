# SPDX-License-Identifier: Apache-2.0
"""A real GDB over the stub: it sees the image's bytes, and each fault looks to it as it does on a chip."""

from __future__ import annotations

import re

import pytest

from tests.support import fixtures
from tests.support.gdb import GdbSession, GdbTimeoutError, remote, run_gdb
from tests.support.rsp_stub import UART, Faults, Link, RspStub, resume_never_stops, stub_of
from tests.support.rsp_target import Core, Memory

CASE = fixtures.case("a017")
BASE, DATA = CASE.images[0].base, CASE.images[0].data


def words(printed: str) -> list[int]:
    """The words of an `x/Nxw`."""
    lines = re.findall(r"^0x[0-9a-f]+:((?:\s+0x[0-9a-f]{8})+)$", printed, re.MULTILINE)
    return [int(word, 16) for line in lines for word in line.split()]


def image_words(address: int, count: int) -> list[int]:
    start = address - BASE
    return [int.from_bytes(DATA[at : at + 4], "little") for at in range(start, start + 4 * count, 4)]


def stub(faults: Faults | None = None, link: Link | None = None) -> RspStub:
    return RspStub(Memory.of([(BASE, DATA)]), link=link or Link(), faults=faults or Faults())


@pytest.mark.parametrize("tcp", [False, True], ids=["unix", "tcp"])
def test_gdb_reads_the_image(tcp: bool) -> None:
    with RspStub(Memory.of([(BASE, DATA)]), tcp=tcp) as server:
        done = run_gdb([remote(server.remote), f"x/64xw {BASE:#x}", "show architecture"])
        assert words(done.stdout) == image_words(BASE, 64)
        assert "riscv:rv32" in done.stdout
        assert "rror" not in done.stderr, done.stderr
        assert server.problems == []


def test_gdb_reads_the_whole_image_in_packets_of_the_stubs_size(tmp_path: object) -> None:
    with stub(link=Link(packet_size=0x1000)) as server:
        run_gdb([remote(server.remote), f"dump binary memory {tmp_path}/out {BASE:#x} {BASE + len(DATA):#x}"])
        with open(f"{tmp_path}/out", "rb") as file:
            assert file.read() == DATA
        assert server.count("m") <= len(DATA) // 2048 + 8


def test_64_bit_core_and_registers() -> None:
    core = Core(8, {"pc": 0x1234_5678_9ABC, "sp": BASE + 64})
    with RspStub(Memory.of([(BASE, DATA)]), core) as server:
        done = run_gdb([remote(server.remote), "p/x $pc", "p/x $sp", "set $a0 = 7", "p $a0", "show architecture"])
    assert "$1 = 0x123456789abc" in done.stdout
    assert f"$2 = {BASE + 64:#x}" in done.stdout
    assert "$3 = 7" in done.stdout
    assert "riscv:rv64" in done.stdout


def test_writes_arrive() -> None:
    with stub() as server:
        done = run_gdb([remote(server.remote), f"set *(int *){BASE:#x} = 0x1234567", f"x/1xw {BASE:#x}"])
        assert words(done.stdout) == [0x1234567]
        assert server.memory.read(BASE, 4) == b"\x67\x45\x23\x01"
        assert server.count("M", "X") >= 1


def test_unmapped_reads_fail_whole() -> None:
    server = stub()
    server.memory.unmap(BASE + 16, BASE + 32)
    with server:
        done = run_gdb([remote(server.remote), f"x/4xw {BASE:#x}", f"x/1xw {BASE + 32:#x}", f"x/1xw {BASE + 16:#x}"])
    assert words(done.stdout) == image_words(BASE, 4) + image_words(BASE + 32, 1)
    assert f"Cannot access memory at address {BASE + 16:#x}" in done.stderr


@pytest.mark.parametrize("short", [True, False])
def test_a_read_past_the_end_is_short_or_an_error(short: bool) -> None:
    read = "python print(len(gdb.selected_inferior().read_memory({:#x}, 64)))"
    with stub(Faults(short_replies=short)) as server:
        done = run_gdb([remote(server.remote), read.format(BASE + len(DATA) - 32), f"x/1xw {BASE + len(DATA):#x}"])
        assert "Cannot access memory" in done.stderr
        lengths = [len(request.span) for request in server.log if request.kind == "m"]
    # GDB asks for the rest of a short reply; after an error it does not look for what could be read.
    assert (32 in lengths) == short


def test_errors_on_mapped_addresses() -> None:
    with stub(Faults(errors=[range(BASE + 8, BASE + 12)])) as server:
        done = run_gdb([remote(server.remote), f"x/1xw {BASE:#x}", f"x/1xw {BASE + 8:#x}"])
    assert words(done.stdout) == image_words(BASE, 1)
    assert "Cannot access memory" in done.stderr


def test_a_dropped_connection_ends_the_session_not_gdb() -> None:
    with stub(Faults(drop_after=1)) as server:
        done = run_gdb([remote(server.remote), f"x/1xw {BASE:#x}", f"x/1xw {BASE + 4096:#x}", "echo still here\\n"])
    assert words(done.stdout) == image_words(BASE, 1)
    assert "Remote connection closed" in done.stderr
    assert "still here" in done.stdout


def test_gdb_comes_back_after_a_drop() -> None:
    with stub(Faults(drop_after=1)) as server:
        run_gdb([remote(server.remote), f"x/1xw {BASE:#x}", f"x/1xw {BASE + 4096:#x}"])
        server.fail(Faults())
        done = run_gdb([remote(server.remote), f"x/1xw {BASE:#x}"])
    assert words(done.stdout) == image_words(BASE, 1)


def test_a_stalled_link_times_out_in_gdb() -> None:
    with stub(Faults(stall_after=1)) as server:
        commands = [remote(server.remote), f"x/1xw {BASE:#x}"]
        # Only what is never answered has a second.
        done = run_gdb([*commands, "set remotetimeout 1", f"x/1xw {BASE + 4096:#x}"])
    assert words(done.stdout) == image_words(BASE, 1)
    # GDB 13 takes its own word "timeout" for the reply and stumbles over its t, which is 116.
    assert "Ignoring packet error" in done.stdout
    assert "Invalid hex digit 116" in done.stderr


def test_a_stub_that_tells_no_packet_size_gets_132_byte_reads() -> None:
    with stub(link=Link(packet_size=None)) as server:
        read = f"python gdb.selected_inferior().read_memory({BASE:#x}, 1320)"
        run_gdb(["set architecture riscv:rv32", remote(server.remote), read])
        assert max(len(request.span) for request in server.log) <= 200
        assert server.count("m") >= 7


def test_bandwidth_and_latency_cost_their_time() -> None:
    slow = Link(packet_size=0x1000, latency=0.05, bandwidth=20_000.0)
    waits: list[float] = []
    with RspStub(Memory.of([(BASE, DATA)]), link=slow, sleep=waits.append) as server:
        done = run_gdb([remote(server.remote), f"python gdb.selected_inferior().read_memory({BASE:#x}, 8192)"])
        assert done.status == 0
        carried = server.bytes_in + server.bytes_out
    assert len(waits) >= 4 + 8192 // 2048
    assert len(waits) * slow.latency < sum(waits) <= len(waits) * slow.latency + carried / 20_000.0
    assert UART.seconds(11_520) == 1.0


def test_continue_stops_at_the_breakpoint_and_ctrl_c_stops_a_running_one() -> None:
    with stub() as server:
        done = run_gdb([remote(server.remote), f"break *{BASE + 0x100:#x}", "continue", "p/x $pc"])
        assert f"$1 = {BASE + 0x100:#x}" in done.stdout
        assert server.count("Z") == server.count("z") == 1
        server.resume = resume_never_stops
        with GdbSession() as gdb:
            gdb.command(remote(server.remote))
            server.forget()  # the first GDB's continue, which would be taken for this one's
            gdb.send("continue\n")
            gdb.expect("Continuing")
            server.wait_for("c", "vCont")
            gdb.interrupt()
            assert "SIGINT" in gdb.expect(r"\(gdb\) \Z")


def test_threads_have_names() -> None:
    with RspStub(Memory.of([(BASE, DATA)]), threads=("main", "wifi")) as server:
        done = run_gdb([remote(server.remote), "info threads"])
    assert "wifi" in done.stdout
    assert len(re.findall(r"Thread [12]", done.stdout)) == 2, done.stdout


def test_gdb_that_hangs_is_ended() -> None:
    with stub() as server, pytest.raises(GdbTimeoutError, match="more than 2"):
        server.resume = resume_never_stops
        run_gdb([remote(server.remote), "continue"], timeout=2.0)  # wanted: it never ends


def test_the_short_form_serves_too() -> None:
    with stub_of([(BASE, DATA[:64]), (BASE + 64, DATA[64:128])]) as server:
        done = run_gdb([remote(server.remote), f"x/32xw {BASE:#x}"])
    assert words(done.stdout) == image_words(BASE, 32)
