# SPDX-License-Identifier: Apache-2.0
"""Firmware, QEMU and GDB together: run one scenario of tests/target as a user would, then ask."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tests.support import firmware
from tests.support.chips import chip_of
from tests.support.gdb import AT_ONCE, SOURCE, Capture, GdbResult, GdbSession, remote, run_gdb
from tests.support.qemu import Qemu
from tests.support.rsp_proxy import RspProxy


def run_scenario(
    name: str,
    commands: Sequence[str | Capture],
    *,
    variant: str = firmware.DEFAULT,
    before: Sequence[str] = (),
    timeout: float = 600.0,
    **machine: Any,
) -> GdbResult:
    """Source the extension, connect, do `before`, continue, then `commands`; `machine` goes to Qemu.

    Example: `run_scenario("seed", [Capture("heap-check --json")]).json()["heaps"]`.
    """
    elf, chip = firmware.build(variant), chip_of(variant)
    with Qemu(elf, append=f"scenario={name}", chip=chip, **machine) as target:
        lines = [AT_ONCE, SOURCE, remote(target.remote), *before, "continue", *commands]
        return run_gdb(lines, elf=elf, program=chip.gdb, timeout=timeout)


@contextmanager
def talk_to_scenario(
    name: str, *, variant: str = firmware.DEFAULT, tty: bool = True, sourced: bool = True, **machine: Any
) -> Iterator[tuple[GdbSession, RspProxy]]:
    """An open GDB, extension sourced (or not), connected at reset through a counting proxy."""
    elf, chip = firmware.build(variant), chip_of(variant)
    with (
        Qemu(elf, append=f"scenario={name}", chip=chip, **machine) as target,
        RspProxy(target.remote) as proxy,
        GdbSession(elf=elf, tty=tty, program=chip.gdb) as gdb,
    ):
        if sourced:
            gdb.command(AT_ONCE)
            gdb.command(SOURCE)
        gdb.command(remote(proxy.remote))
        yield gdb, proxy
