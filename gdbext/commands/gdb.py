# SPDX-License-Identifier: Apache-2.0
"""memtrace gdb, in the shell: Start OpenOCD for the chip and the right GDB on it, with the program and memtrace loaded.

Approach: the program's ELF header names the machine, and so the GDBs to look for. ESP-IDF's files beside the program
name the chip and the app's offset in flash. OpenOCD is started first and ended last.
Rejected: a table of GDBs by chip. Each machine has a few, and their names have changed over the years: all are tried.
Cost: some 0.2 s to ask a GDB for its Python version, and the time that OpenOCD takes to start.
Assumptions: a GDB that knows the machine has the machine in its name, or is gdb-multiarch.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from argparse import Namespace
from pathlib import Path
from typing import List, Optional, Tuple

from gdbext.commands.command import Argument, Tool
from gdbext.model.errors import UserError
from gdbext.model.machine import MACHINES, Machine, machine_of
from gdbext.package import EXTENSION
from gdbext.report.printable import say
from gdbext.target.esp_build import CHIP_FILE, FLASH_FILE, entry
from gdbext.target.openocd import OpenOcd, arguments_of, config_of


def _port(text: str) -> int:
    """Parses the number of a port. 0 lets OpenOCD choose."""
    try:
        number = int(text)
    except ValueError:
        number = -1
    if not 0 <= number <= _LAST_PORT:
        raise UserError(f"--port {text}: a port is a number up to {_LAST_PORT}")
    return number


_LAST_PORT = 65535
_ARGUMENTS = (
    Argument("elf", "the program that runs on the chip", {"metavar": "APP.elf"}),
    Argument(
        "--chip",
        "esp32, esp32s3, esp32c3, ...: the file of openocd_cfg/. Without it: what ESP-IDF wrote beside the program",
        {"metavar": "CHIP"},
    ),
    Argument("--openocd-config", "another configuration for OpenOCD", {"metavar": "FILE"}),
    Argument("--port", "OpenOCD's port for GDB. Without it: a free one", {"metavar": "N", "type": _port, "default": 0}),
)
_MORE = "  -- ARGUMENTS         what follows goes to GDB: -- -batch -ex 'memtrace status'"
_STAND_IN = "xtensa-de212-elf-gdb"  # the GDB that `make setup-xtensa` builds
_VERSION_QUESTION = "python import sys; print('memtrace', sys.version_info >= (3, 8))"


def machine_in(elf: str) -> Machine:
    """Returns the machine that a program was built for."""
    try:
        with open(elf, "rb") as file:
            head = file.read(20)
    except OSError as problem:
        raise UserError(f"{elf}: {problem.strerror}") from None
    machine = machine_of(int.from_bytes(head[18:20], "big" if head[5:6] == b"\2" else "little"))
    if head[:4] != b"\x7fELF" or machine is None or not machine.debuggers:
        known = sorted({one.gdb_name for one in MACHINES if one.debuggers})
        raise UserError(f"{elf} is no ELF file for one of {', '.join(known)}")
    return machine


def find_gdb(machine: Machine, chip: Optional[str]) -> str:
    """Returns the path of the first GDB for a machine whose Python is new enough for memtrace."""
    vendors = [f"xtensa-{chip}-elf-gdb"] if machine.gdb_name == "xtensa" and chip else []
    programs = list(filter(None, map(shutil.which, (*vendors, *machine.debuggers))))
    if machine.gdb_name == "xtensa":  # last of all, the one that `make setup-xtensa` built
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        built = sorted((cache / "memtrace").glob("xtensa-*/complete"), key=lambda path: path.stat().st_mtime)
        programs += [str(path.parent / "bin" / _STAND_IN) for path in reversed(built)]
    for program in filter(_has_python, programs):
        if program.endswith(_STAND_IN):
            say(f"{program} knows QEMU's core; for a board install the vendor's")
        return program
    if programs:
        raise UserError(
            f"{programs[0]} has no Python 3.8 or newer, which memtrace runs in: install the vendor's current GDB"
        )
    raise UserError(f"no GDB for {machine.gdb_name} on PATH: install one of {', '.join(machine.debuggers)}")


def _has_python(program: str) -> bool:
    try:
        line = [program, "-nx", "-batch", "-ex", _VERSION_QUESTION]
        asked = subprocess.run(line, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return "memtrace True" in asked.stdout


def beside(elf: str) -> Tuple[Optional[str], Optional[str]]:
    """Returns the chip and the app's offset in flash, from the files that ESP-IDF's build left beside the program."""
    folder = Path(elf).resolve().parent
    chip = entry(folder / CHIP_FILE, "target")
    offset = entry(folder / FLASH_FILE, "app", "offset")
    return (
        chip if chip and re.fullmatch(r"esp32\w*", chip) else None,
        offset if offset and re.fullmatch(r"0x[0-9a-fA-F]+", offset) else None,
    )


def gdb_line(gdb: str, elf: str, openocd: OpenOcd, more: List[str]) -> List[str]:
    """Returns GDB's command line. The limits must be set before GDB connects."""
    kinds = ("breakpoint", "watchpoint")
    limits = [f"set remote hardware-{kind}-limit {units}" for kind, units in zip(kinds, openocd.units)]
    first = ["set remotetimeout 10", *limits, f"source {EXTENSION}", f"target extended-remote :{openocd.port}"]
    return [gdb, "-q", *(word for command in first for word in ("-ex", command)), *more, elf]


def start(options: Namespace, more: List[str]) -> int:
    """Starts OpenOCD, runs GDB until it ends, then ends OpenOCD. Returns GDB's exit status."""
    machine = machine_in(options.elf)
    found, offset = beside(options.elf)
    chip = options.chip or found
    if options.openocd_config is None and chip is None:
        raise UserError(f"which chip? {CHIP_FILE} does not lie beside {options.elf}: give --chip or --openocd-config")
    config = Path(options.openocd_config) if options.openocd_config else config_of(chip or "")
    if not config.exists():
        raise UserError(f"{config} is not there")
    gdb = find_gdb(machine, chip)
    openocd = OpenOcd(arguments_of(config, options.elf, offset), options.port)
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, lambda number, frame: sys.exit(128 + number))
    before = signal.getsignal(signal.SIGINT)
    try:
        openocd.start()
        # Ctrl-C in the terminal is meant for GDB, which interrupts the target.
        signal.signal(signal.SIGINT, lambda number, frame: None)
        return subprocess.call(gdb_line(gdb, options.elf, openocd, more))
    finally:
        signal.signal(signal.SIGINT, before)
        openocd.stop()


COMMAND = Tool(__name__, __doc__, _ARGUMENTS, start, _MORE)
