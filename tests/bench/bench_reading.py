# SPDX-License-Identifier: Apache-2.0
"""What commands cost the link: bytes, packets and reads, against the bounds of the reading plan."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tests.support.bench import Row
from tests.support.fixtures import case
from tests.support.gdb import SOURCE, Capture, GdbSession, remote, run_gdb
from tests.support.rsp_stub import UART, Link, RspStub, stub_of
from tests.support.scenario import talk_to_scenario
from tests.support.tlsf_image import heap_image

_LARGE = case("a016")  # 300 KiB, 2,249 blocks
_BASE = 0x3C00_0000
_CONTROL = 20 + 36 + 4 * 32 * 32


def _check(stub: RspStub, heap: str) -> tuple[Any, list[range]]:
    commands = ["set architecture riscv:rv32", SOURCE, remote(stub.remote), Capture(f"heap-check --heap {heap} --json")]
    report = run_gdb(commands, timeout=200).json()
    start, end = report["heaps"][0]["start"], report["heaps"][0]["end"]
    return report, [one.span for one in stub.log if one.kind == "m" and start <= one.span.start < end]


def _bulk() -> Iterable[Row]:
    image = _LARGE.images[0]
    with stub_of([(image.base, image.data)]) as stub:
        _, reads = _check(stub, _LARGE.heap.option)
    size = sum(map(len, reads))
    yield Row("heap-check, 300 KiB heap, bulk: bytes", size, 1.1 * image.length, "B", "stub with 4 KiB packets")
    yield Row("the same: m packets", len(reads), size / 2048 + 8)


def _headers() -> Iterable[Row]:
    image = _LARGE.images[0]
    with stub_of([(image.base, image.data)], link=UART) as stub:
        report, reads = _check(stub, _LARGE.heap.option)
    heap = report["heaps"][0]
    bound = 1.1 * (12 * (heap["used_blocks"] + heap["free_blocks"]) + _CONTROL)
    note = f"132-byte reads at 5.7 KB/s: {report['cost']['seconds']:.0f} s"
    yield Row("the same, slow link: bytes", sum(map(len, reads)), bound, "B", note)


def _large() -> Iterable[Row]:
    data = heap_image(
        _BASE, [(size, used) for _ in range(12) for size, used in ((1_400_000, True), (1_440_000, False))]
    )
    with stub_of([(_BASE, data)], link=Link()) as stub:
        report, reads = _check(stub, f"multi_heap@{_BASE:#x}")
    yield Row("heap-check, 33 MB heap of 24 blocks: reads", report["cost"]["reads"], 64)
    yield Row("the same: bytes", sum(map(len, reads)), 64 << 10, "B")


def _foreign_stops(sourced: bool) -> int:
    """Packets other than Z and z over three stops at a breakpoint of the user's."""
    with talk_to_scenario("clean", sourced=sourced) as (gdb, proxy):
        return _packets(gdb, proxy)


def _packets(gdb: GdbSession, proxy: Any) -> int:
    """Without what GDB itself reads: the instruction under a breakpoint, to see how long it is."""
    hook = int(gdb.command("p/x (unsigned long)&memtrace_assert_stop").split("0x")[1].split()[0], 16)
    gdb.command("break malloc")
    gdb.command("continue")
    proxy.forget()
    for _ in range(3):
        gdb.command("continue")
    under_ours = sum(request.data == b"m%x,40" % (hook & -64) for request in proxy.log)
    return int(proxy.count_except("Z", "z")) - under_ours


def _stops() -> Iterable[Row]:
    more = _foreign_stops(True) - _foreign_stops(False)
    yield Row(
        "a stop that is not ours: packets more",
        more,
        0,
        "",
        "but Z, z and GDB's look at the instruction under them; over three stops",
    )
    with talk_to_scenario("seed") as (gdb, proxy):
        gdb.command("continue")
        proxy.forget()
        gdb.command("heap-check")
        yield Row("a second command at the same stop: packets", proxy.count_except(), 0)


def rows() -> Iterable[Row]:
    """Counts; the one time is a note."""
    for measure in (_bulk, _headers, _large, _stops):
        yield from measure()
