# SPDX-License-Identifier: Apache-2.0
"""What a heap-check costs the link: the bounds as counts, what is left unread, and what waiting looks like."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.support import judge
from tests.support.fixtures import case, select
from tests.support.gdb import AT_ONCE, SOURCE, Capture, GdbSession, remote, run_gdb
from tests.support.rsp_stub import Faults, Link, RspStub, stub_of
from tests.support.rsp_target import Core, Memory
from tests.support.tlsf_image import heap_image

BASE = 0x3C00_0000
LARGE = case("a016")  # 300 KiB, 2,043 used blocks and 206 free ones
UART = Link(packet_size=None, bandwidth=115_200.0)  # ten times the speed of a console: the same packets in less time
# A chip of 24 blocks in 33 MB: buffers of a camera.
BUFFERS = heap_image(BASE, [(1_400_000, True), (1_440_000, False)] * 12)


def ask(stub: RspStub, heap: str, *before: str, options: str = "--json") -> tuple[Any, str]:
    """The report on a heap of the stub, and what was said on stderr."""
    commands = ["set architecture riscv:rv32", SOURCE, *before, remote(stub.remote)]
    commands += [] if stub.link.seconds(1) else [AT_ONCE]
    done = run_gdb([*commands, Capture(f"heap-check --heap {heap} {options}")], timeout=600)
    assert "Traceback" not in done.stderr + done.stdout
    return (done.json() if "--json" in options else done.captured[0].output), done.stderr


def large(link: Link | None = None) -> RspStub:
    return stub_of(((image.base, image.data) for image in LARGE.images), link=link)


def heap_reads(stub: RspStub, start: int, end: int) -> list[range]:
    """The reads of a heap; GDB's own around the pc lie elsewhere."""
    return [request.span for request in stub.log if request.kind == "m" and start <= request.span.start < end]


@pytest.mark.parametrize("plan", ["auto", "bulk"])
def test_bulk_reads_a_heap_once(plan: str) -> None:
    size = len(LARGE.images[0].data)
    with large() as stub:
        report, _ = ask(stub, LARGE.heap.option, f"set memtrace plan {plan}")
        reads = heap_reads(stub, LARGE.images[0].base, LARGE.images[0].base + size)
    assert report["heaps"][0]["status"] == "clean"
    bytes_read = sum(map(len, reads))
    assert bytes_read <= 1.1 * size
    assert len(reads) <= bytes_read / 2048 + 8
    assert report["cost"]["bytes"] == bytes_read


@pytest.mark.parametrize("plan", ["auto", "headers"])
def test_headers_over_a_slow_link(plan: str) -> None:
    with large(UART if plan == "auto" else None) as stub:
        report, _ = ask(stub, LARGE.heap.option, f"set memtrace plan {plan}")
        image = LARGE.images[0]
        bytes_read = sum(map(len, heap_reads(stub, image.base, image.base + len(image.data))))
    heap = report["heaps"][0]
    control = 20 + 36 + 4 * 32 * 32
    assert heap["status"] == "clean"
    assert bytes_read <= 1.1 * (12 * (heap["used_blocks"] + heap["free_blocks"]) + control)


def test_a_large_heap_with_few_blocks() -> None:
    with stub_of([(BASE, BUFFERS)]) as stub:
        report, _ = ask(stub, f"multi_heap@{BASE:#x}")
        reads = heap_reads(stub, BASE, BASE + len(BUFFERS))
    heap = report["heaps"][0]
    assert (heap["status"], heap["used_blocks"], heap["free_blocks"]) == ("clean", 12, 12)
    assert len(reads) <= 64
    assert sum(map(len, reads)) <= 64 << 10
    assert report["cost"]["reads"] <= 64


def test_both_plans_see_the_same() -> None:
    with large() as stub:
        bulk, _ = ask(stub, LARGE.heap.option, "set memtrace plan bulk", options="--json --blocks")
        headers, _ = ask(stub, LARGE.heap.option, "set memtrace plan headers", options="--json --blocks")
    assert bulk["heaps"] == headers["heaps"]
    assert headers["cost"]["bytes"] < bulk["cost"]["bytes"] / 5


@pytest.mark.parametrize(
    "damaged",
    select(layout="espressif-dynamic", poisoning="none", kind="multi_heap"),
    ids=lambda one: f"{one.id}-{one.damage_kind}",
)
def test_headers_find_what_bulk_finds(damaged: Any) -> None:
    heaps = " --heap ".join(heap.option for heap in (damaged.heap, *damaged.more_heaps))
    with stub_of((image.base, image.data) for image in damaged.images) as stub:
        headers, _ = ask(stub, heaps, "set memtrace plan headers", options="--json --blocks")
    assert judge.problems(damaged, headers) == []


def test_damage_in_a_large_heap_is_read_around() -> None:
    data = bytearray(BUFFERS)
    place = data.index((1_440_000 | 1).to_bytes(4, "little"), 3_000_000)  # the size word of a free block
    data[place - 40 : place + 4] = b"\xff" * 44
    with stub_of([(BASE, bytes(data))], link=Link(bandwidth=1e6)) as stub:
        report, said = ask(stub, f"multi_heap@{BASE:#x}", "set memtrace plan headers")
    heap = report["heaps"][0]
    assert heap["status"] == "damaged"
    assert heap["findings"][0]["extent"]["end"] - heap["findings"][0]["extent"]["start"] == 44
    assert report["cost"]["bytes"] < 64 << 10
    assert heap["used_blocks"] + heap["free_blocks"] >= 22
    assert "set memtrace plan bulk" in str(report["skipped"]), said


def test_a_slow_read_is_announced_and_its_progress_told() -> None:
    with large(Link(packet_size=None, bandwidth=230_400.0)) as stub:
        report, said = ask(stub, LARGE.heap.option, "set memtrace plan bulk")
    assert report["heaps"][0]["status"] == "clean"
    assert re.search(r"memtrace: reading [\d,]+ bytes takes about \d+ s \(Ctrl-C keeps what is there\)", said), said
    assert re.search(r"memtrace: [\d,]+ of [\d,]+ bytes, about \d+ s left", said), said


def interrupted(gdb: GdbSession, address: str, command: str) -> str:
    """What a command says that Ctrl-C ends while it reads."""
    for before in ("set architecture riscv:rv32", SOURCE, "set memtrace plan bulk", remote(address)):
        gdb.command(before)
    gdb.send(f"{command}\n")
    gdb.expect("bytes, about")
    gdb.interrupt()
    return gdb.expect(r"\(gdb\) \Z")


def test_ctrl_c_keeps_what_is_there_and_the_next_command_reads_on() -> None:
    slow = Link(packet_size=None, bandwidth=5_760.0)  # two minutes; it is interrupted in the first seconds
    with large(slow) as stub, GdbSession() as gdb:
        first = interrupted(gdb, stub.remote, f"heap-check --heap {LARGE.heap.option}")
        assert "interrupted: what was not read is not judged" in first
        assert "DAMAGE" not in first
        assert "; unreadable" in first
        stub.link = Link()
        stub.forget()
        second = gdb.command(f"heap-check --heap {LARGE.heap.option}")
        assert "; clean" in second
        assert stub.bytes_read <= len(LARGE.images[0].data) - 4096


def test_ctrl_c_in_a_scan_lists_no_leaks() -> None:
    """What nobody has read may point at any block."""
    slow = Link(packet_size=None, bandwidth=57_600.0)
    leaks = f"heap-leaks --unreachable --heap {LARGE.heap.option}"
    with large(slow) as stub, GdbSession(timeout=60) as gdb:
        said = interrupted(gdb, stub.remote, leaks)
        assert "interrupted: this is of what had been read" in said.splitlines()[0] and "nothing is listed" in said
        assert " bytes: " not in said and "unreachable" not in said
        stub.link = Link()
        assert "\n2,043 blocks, " in "\n" + gdb.command(leaks)


def test_the_same_stop_is_not_read_twice_and_a_write_is_seen() -> None:
    with large() as stub, GdbSession() as gdb:
        gdb.command(SOURCE)
        gdb.command(remote(stub.remote))
        gdb.command(f"heap-check --heap {LARGE.heap.option}")
        stub.forget()
        assert "; clean" in gdb.command(f"heap-check --heap {LARGE.heap.option}")
        assert stub.log == []
        block = LARGE.truth.blocks[40]
        gdb.command(f"set *(int *){block.raw - 4:#x} = -1")
        assert "DAMAGE 1" in gdb.command(f"heap-check --heap {LARGE.heap.option}")


def test_memory_that_nobody_named_is_not_read() -> None:
    ring = 0x2000_0000
    with large() as stub:
        done = run_gdb([SOURCE, remote(stub.remote), Capture(f"malloc-log --ring {ring:#x}")])
        assert stub.problems == []
        assert all(span.stop <= ring + 416 for span in heap_reads(stub, ring, ring + (1 << 20)))
    assert "its header cannot be read" in done.captured[0].output


def test_holes_are_said_and_cost_little() -> None:
    image, header = LARGE.images[0], LARGE.truth.blocks[1200].raw - 4
    memory = Memory.of([(image.base, image.data)])
    memory.unmap(header - 40, header + 4)
    with RspStub(memory, Core(4), Link()) as stub:
        report, _ = ask(stub, LARGE.heap.option)
        assert len(heap_reads(stub, image.base, image.base + len(image.data))) <= len(image.data) / 2048 + 8 + 48
    assert report["heaps"][0]["status"] == "unreadable"
    assert [item["why"] for item in report["skipped"] if item["check"] == "memory"]
    assert [finding for finding in report["heaps"][0]["findings"] if finding["severity"] == "damage"] == []


def test_a_link_that_stalls_is_one_line_and_not_a_heap() -> None:
    with large() as stub, GdbSession() as gdb:
        for command in (SOURCE, remote(stub.remote), "set remotetimeout 1"):
            gdb.command(command)
        stub.fail(Faults(stall_after=0))  # nothing is answered any more: only silence has a second
        said = gdb.command(f"heap-check --heap {LARGE.heap.option}")
        assert "the target does not answer" in said
        assert "DAMAGE" not in said and "Traceback" not in said


def test_the_last_header_of_memory_is_read_by_itself() -> None:
    """Headers are read with the words behind them; at the end of what is there, these are missing."""
    image = LARGE.images[0]
    data = bytearray(image.data)
    data[12:16] = (int.from_bytes(data[12:16], "little") + (1 << 20)).to_bytes(4, "little")  # pool_size
    with stub_of([(image.base, bytes(data))]) as stub:
        report, _ = ask(stub, LARGE.heap.option, "set memtrace plan headers")
    assert report["heaps"][0]["status"] == "damaged"
    assert {finding["rule"] for finding in report["heaps"][0]["findings"]} == {"pool-size"}
