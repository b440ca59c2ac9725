# SPDX-License-Identifier: Apache-2.0
"""What reading over JTAG costs: 300 KiB by each of OpenOCD's ways to memory, and a heap-check over it."""

from __future__ import annotations

import time
from collections.abc import Iterable

from tests.support import firmware
from tests.support.bench import Row
from tests.support.gdb import SOURCE, GdbSession, remote
from tests.support.openocd import Counts, DebugModule, OpenOcd
from tests.support.qemu import RAM_BASE, Qemu
from tests.support.rsp_proxy import RspProxy

_BYTES = 300 * 1024
_WAYS = ("progbuf", "sysbus", "abstract")


def _dump(way: str) -> tuple[Counts, float]:
    """OpenOCD's own dump_image, without GDB."""
    with (
        Qemu(firmware.build("default"), append="scenario=clean") as chip,
        DebugModule(chip.remote) as module,
        OpenOcd([*module.config, "-c", f"riscv set_mem_access {way}"]) as openocd,
    ):
        before, began = module.counts, time.monotonic()
        openocd.tcl(f"dump_image /dev/null {RAM_BASE + 0x100000} {_BYTES}", timeout=120)
        return module.counts.since(before), time.monotonic() - began


def _reading(way: str) -> Iterable[Row]:
    counts, seconds = _dump(way)
    yield Row(f"300 KiB over JTAG, {way}: bits", counts.bits, None, "", f"{seconds:.1f} s here, over a socket")
    note = f"{counts.packets} packets to the emulator; busy {counts.dmi_busy} times"
    yield Row("the same: scans", counts.scans, None, "", note)
    adapter = counts.clocks / 20e6
    yield Row("the same: seconds of wire at 20 MHz", adapter, None, "s", "without the adapter's own time")


def _heap_check(scenario: str, plan: str) -> Iterable[Row]:
    with (
        Qemu(firmware.build("default"), append=f"scenario={scenario}") as chip,
        DebugModule(chip.remote) as module,
        OpenOcd(module.config) as openocd,
        RspProxy(openocd.remote, tcp=True) as proxy,
        GdbSession(elf=firmware.build("default")) as gdb,
    ):
        for command in (SOURCE, "set memtrace auto-report off", f"set memtrace plan {plan}", remote(proxy.remote)):
            gdb.command(command)
        gdb.command("break scenario_done")
        gdb.command("continue")
        proxy.forget()
        before, began = module.counts, time.monotonic()
        gdb.command("heap-check", timeout=100)
        counts, seconds = module.counts.since(before), time.monotonic() - began
    yield Row(
        f"heap-check over OpenOCD, {scenario}, plan {plan}: bytes", proxy.bytes_read, None, "B", f"{seconds:.1f} s here"
    )
    yield Row("the same: m packets", proxy.count("m"))
    yield Row("the same: JTAG bits", counts.bits, None, "", f"{counts.scans:,} scans")


def rows() -> Iterable[Row]:
    """Counts; times are notes, for they are of this machine's sockets."""
    for way in _WAYS:
        yield from _reading(way)
    for scenario, plan in (("clean", "bulk"), ("clean", "headers"), ("seed", "auto")):
        yield from _heap_check(scenario, plan)
