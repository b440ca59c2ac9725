# SPDX-License-Identifier: Apache-2.0
"""Scenarios of tests/target on the simulated JTAG port: the chip, OpenOCD in front of it, GDB in front of that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tests.support import firmware
from tests.support.gdb import AT_ONCE, SOURCE, Capture, GdbResult, remote, run_gdb
from tests.support.openocd import DEBIANS, Counts, DebugModule, OpenOcd
from tests.support.qemu import Qemu


@contextmanager
def openocd_on(
    scenario: str, *arguments: str, program: str = DEBIANS, run: bool = False, **machine: Any
) -> Iterator[tuple[OpenOcd, DebugModule]]:
    """OpenOCD on a simulated chip that runs this scenario."""
    with (
        simulated_chip(scenario, run=run, **machine) as module,
        OpenOcd([*module.config, *arguments], program) as openocd,
    ):
        yield openocd, module


@contextmanager
def simulated_chip(scenario: str, *, run: bool = False, **machine: Any) -> Iterator[DebugModule]:
    """The chip alone: its JTAG port waits for an OpenOCD."""
    with (
        Qemu(firmware.build("default"), append=f"scenario={scenario}", **machine) as chip,
        DebugModule(chip.remote, run=run) as module,
    ):
        yield module


def debug(
    scenario: str, commands: Sequence[str | Capture], *arguments: str, program: str = DEBIANS
) -> tuple[GdbResult, Counts]:
    """GDB's commands over OpenOCD, and what they cost the port."""
    with openocd_on(scenario, *arguments, program=program) as (openocd, module):
        before = module.counts
        done = run_gdb([AT_ONCE, SOURCE, remote(openocd.remote), *commands], elf=firmware.build("default"), timeout=600)
        return done, module.counts.since(before)
