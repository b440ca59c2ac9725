# SPDX-License-Identifier: Apache-2.0
"""Reads a partition out of a chip, by esptool, over a serial port.

Approach: the build says the chip and where the partition is; esptool is a program of its own, which people have. Only
that partition is read, into memory. What esptool says is kept for the line that says why it failed.
Rejected: to read the whole flash (16 MB are minutes); esptool as a library (its license is another).
Cost: esptool's time: some 11 KB a second at 115,200 baud; ESPBAUD is its variable for more.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import List, Optional, Tuple

from gdbext.flash.image import areas_of
from gdbext.flash.partitions import Partition
from gdbext.model.errors import UserError, one_line
from gdbext.source.link import Say
from gdbext.source.log_file import HeldFile, LogFile
from gdbext.target.esp_build import EspBuild
from gdbext.target.files import Wanted
from gdbext.target.flash_files import inside, listed

_NAMES = ("esptool", "esptool.py")
_RING = "memtrace"  # the partition of memtrace's own ring, as docs/how-to/log-to-flash.md names it
_PATIENCE = 60  # seconds until esptool tells its version
_PERCENT = re.compile(rb"(\d+)(?:\.\d+)? ?%")
_STEP = 20  # percents between two lines of progress
_PIECE, _KEPT = 1 << 12, 1 << 14  # bytes of what esptool says
_FATAL = re.compile(r"A fatal error occurred: ([^\n]*)")
_DASHES_SINCE = 5  # esptool's version that spells read-flash


def on_port(port: str, wanted: Wanted, say: Optional[Say]) -> LogFile:
    """Reads the partition that is meant, and returns what is meant in it. UserError says why it cannot."""
    build = EspBuild(wanted.build or "")
    rows = build.partitions()
    if not rows:
        raise UserError(f"--build {wanted.build}: no partition table is there: give the folder of `idf.py build`")
    row = _meant(rows, build.saved, wanted.partition)
    if say is not None:
        say(f"reading {row.size:,} bytes of {row.name}, at {row.offset:#x}, from {port}")
    data = _read(port, build.chip or "auto", row, say)
    path = wanted.path or _saved_in(data, build.saved)
    return inside(HeldFile(f"{port}, {row.name}", data), Wanted(path=path))


def _meant(rows: List[Partition], saved: Optional[str], name: Optional[str]) -> Partition:
    """Returns the partition that has the log: the one of the name, or that which the settings tell."""
    if name is not None:
        named = [row for row in rows if row.name == name]
        if not named:
            raise UserError(f"no partition {name}: there is {listed([row.name for row in rows])}")
        return named[0]
    may = [row for row in rows if row.may_have_files and not row.is_for_core]
    if saved is not None:
        may = [row for row in may if row.files is not None] or may
        mount = saved.strip("/").partition("/")[0]
        may = [row for row in may if row.name == mount] or [row for row in may if row.files == mount] or may
    else:
        may = [row for row in may if row.name == _RING] or may
    if len(may) != 1:
        which = f"several may have a log: {listed([row.name for row in may])}" if may else "none is for a log"
        raise UserError(f"which partition? {which}; --partition NAME says it")
    return may[0]


def _saved_in(data: bytes, saved: Optional[str]) -> Optional[str]:
    """Returns the path in a partition at which the settings have the log, if it is there. FAT writes it in capitals."""
    path = "" if saved is None else saved.strip("/").partition("/")[2]
    systems = [area.files for area in areas_of(data) if area.files is not None] if path else []
    spelled = (one for one in (path, path.upper()) for files in systems if files.contents(one) is not None)
    return next(spelled, None)


def _esptool() -> List[str]:
    """Returns the words that start esptool."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is not None:
        return [found]
    if find_spec("esptool") is None:
        raise UserError("--port needs esptool, which is not here: pip install 'memtrace-heap[port]'")
    return [sys.executable, "-m", "esptool"]


def _command(esptool: List[str]) -> str:
    """Returns how this esptool spells its command."""
    try:
        told = subprocess.run([*esptool, "version"], capture_output=True, stdin=subprocess.DEVNULL, timeout=_PATIENCE)
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise UserError(f"{esptool[0]} cannot be started: {one_line(problem)}") from None
    version = re.search(rb"(\d+)\.\d+", told.stdout)
    return "read-flash" if version and int(version[1]) >= _DASHES_SINCE else "read_flash"


def _read(port: str, chip: str, row: Partition, say: Optional[Say]) -> bytes:
    esptool = _esptool()
    with TemporaryDirectory(prefix="memtrace-") as folder:
        place = Path(folder) / "partition"
        where = [f"{row.offset:#x}", f"{row.size:#x}", str(place)]
        line = [*esptool, "--chip", chip, "--port", port, _command(esptool), *where]
        status, told = _run(line, say)
        data = place.read_bytes() if place.is_file() else b""
    if status:
        fatal = _FATAL.search(told)
        words = fatal[1].strip() if fatal else next(filter(str.strip, reversed(told.splitlines())), "it says nothing")
        raise UserError(f"esptool could not read {row.name} from {port}: {words}")
    if len(data) != row.size:
        raise UserError(f"esptool read {len(data):,} of the {row.size:,} bytes of {row.name} from {port}")
    return data


def _run(line: List[str], say: Optional[Say]) -> Tuple[int, str]:
    """Runs esptool. Returns its status and the end of what it said. Says how far it is."""
    kept, shown = b"", 0
    process = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        for piece in iter(partial(os.read, _pipe_of(process), _PIECE), b""):
            kept = (kept + piece)[-_KEPT:]
            percent = max((int(one) for one in _PERCENT.findall(kept)), default=0)
            if say is not None and shown + _STEP <= percent <= 100:
                shown = percent
                say(f"{percent} % are read")
        return process.wait(), kept.decode("utf-8", "replace").replace("\r", "\n").replace("\b", "")
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _pipe_of(process: subprocess.Popen[bytes]) -> int:
    return -1 if process.stdout is None else process.stdout.fileno()
