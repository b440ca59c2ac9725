# SPDX-License-Identifier: Apache-2.0
"""Our own client of the remote protocol at real OpenOCD: how it finds a chip, and how it leaves it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.support import firmware
from tests.support.gdb import remote, run_gdb
from tests.support.openocd import OpenOcd
from tests.support.openocd_scenario import openocd_on
from tests.support.paths import ROOT

SYSBUS = ("-c", "riscv set_mem_access sysbus")
RUN_ON = ("-c", "simulated.cpu configure -event gdb-detach { resume }")
STATE = "simulated.cpu curstate"


def status(openocd: OpenOcd) -> tuple[list[str], str]:
    """The facts that `memtrace status` tells, and what it says besides."""
    elf = str(firmware.build("default"))
    line = [sys.executable, "-m", "gdbext", "status", "--rsp", openocd.remote, "--elf", elf, "--json"]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["facts"], done.stderr


@pytest.mark.parametrize(("more", "after"), [((), "halted"), (RUN_ON, "running")], ids=["as-it-comes", "run-on"])
def test_a_running_chip_is_left_to_the_configuration(more: tuple[str, ...], after: str) -> None:
    """OpenOCD halts at a connection. What it does at the end is its own affair, and that is said."""
    with openocd_on("endless", *SYSBUS, *more, run=True) as (openocd, _):
        assert openocd.tcl(STATE) == "running"
        facts, said = status(openocd)
        assert openocd.tcl(STATE) == after
    assert any("8,192 bytes a request" in fact for fact in facts), "its PacketSize is 4000 in hex"
    assert "whether it runs on is its configuration's say" in said


def test_a_chip_at_a_breakpoint_stays_there() -> None:
    with openocd_on("seed", *SYSBUS) as (openocd, _):
        leave = ["break test_used_after_free", "continue", "python import os; os._exit(0)"]
        run_gdb([remote(openocd.remote), *leave], elf=firmware.build("default"))
        before = openocd.tcl("simulated.cpu get_reg -force {pc}")
        _, said = status(openocd)
        assert (openocd.tcl(STATE), openocd.tcl("simulated.cpu get_reg -force {pc}")) == ("halted", before)
        assert "configuration" not in said
