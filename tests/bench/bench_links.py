# SPDX-License-Identifier: Apache-2.0
"""One heap-check of the seed case (two heaps of 336 KiB, a ring of 32 KiB) over each link: bytes, packets, seconds."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

from tests.support import firmware
from tests.support.bench import Row
from tests.support.gdb import SOURCE, Capture, remote, run_gdb
from tests.support.panic_case import panic_case
from tests.support.qemu import Qemu
from tests.support.rsp_proxy import RspProxy
from tests.support.rsp_stub import UART
from tests.support.rsp_traffic import Traffic

_LEAVE = "python import os; os._exit(0)"
_CHECK = "heap-check --json"


def _check(link: str, traffic: Traffic, address: str, *, own: bool) -> Iterable[Row]:
    """By GDB's own connection or by our client."""
    check = Capture(f"{_CHECK} --rsp {address}" if own else _CHECK)
    lines = [SOURCE, check] if own else [SOURCE, remote(address), check]
    done = run_gdb([*lines, _LEAVE], elf=firmware.build(firmware.DEFAULT), timeout=120)
    what = f"heap-check, {link}, {'--rsp' if own else 'GDB'}"
    yield Row(f"{what}: bytes", done.json()["cost"]["bytes"], None, "B", f"{done.captured[0].seconds:.2f} s")
    yield Row("the same: packets, with those of connecting", len(traffic.log))


def rows() -> Iterable[Row]:
    """QEMU, then a chip in its panic handler."""
    elf = firmware.build(firmware.DEFAULT)
    with Qemu(elf, append="scenario=seed") as chip:
        run_gdb([remote(chip.remote), "break memtrace_assert_stop", "continue", _LEAVE], elf=elf)
        for own in (False, True):
            with RspProxy(chip.remote) as proxy:
                yield from _check("QEMU", proxy, proxy.remote, own=own)
    with tempfile.TemporaryDirectory() as folder:
        panic = panic_case(Path(folder))
    for own in (False, True):
        with panic.stub(UART) as stub:
            yield from _check("panic stub at 115,200 baud", stub, stub.remote, own=own)
