# SPDX-License-Identifier: Apache-2.0
"""The real OpenOCD on a chip with a JTAG port: a simulated debug module (tests/openocd/sim) in front of QEMU.

    with Qemu(elf) as chip, DebugModule(chip.remote) as module, OpenOcd(module.config) as openocd:
        run_gdb([remote(openocd.remote), "continue"])

OpenOCD chooses its own ports (gdb_port 0), so nothing is raced for; they are read from its log. Both processes die
with the one that started them.
"""

from __future__ import annotations

import contextlib
import mmap
import re
import struct
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from functools import cache
from pathlib import Path
from types import TracebackType

from tests.support.firmware import locked
from tests.support.paths import BUILD, ROOT
from tests.support.qemu import RAM_BASE
from tests.support.sockets import Listener, connect, listen

SOURCES = ROOT / "tests" / "openocd" / "sim"
FOLDER = ROOT / "openocd_cfg"
COMMANDS = FOLDER / "memtrace.tcl"
CHIP_CONFIG = ROOT / "tests" / "openocd" / "simulated.cfg"
WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wstrict-prototypes", "-Werror")
RAM_BYTES = 16 << 20
START_SECONDS = 120.0
WITH_PARENT = ["setpriv", "--pdeathsig", "KILL"]
DEBIANS = "openocd"
ESPRESSIFS = str(ROOT / ".venv" / "bin" / "openocd-esp32")  # with the files of all their chips


@dataclass(frozen=True)
class Counts:
    """What has passed the simulated port; the names in the order of tests/openocd/sim/counts.h."""

    clocks: int
    bits: int
    scans: int
    dmi: int
    dmi_busy: int
    progbuf_reads: int
    sysbus_reads: int
    abstract_reads: int
    packets: int
    fetched: int

    def since(self, before: Counts) -> Counts:
        """What has come to it."""
        return Counts(*(now - then for now, then in zip(astuple(self), astuple(before), strict=True)))


@cache
def build_module() -> Path:
    """The simulated debug module, compiled if it is not current."""
    program = BUILD / "openocd" / "riscv_debug_module"
    files = sorted(SOURCES.glob("*.[ch]"))
    with locked(program.parent / ".lock"):
        if not program.exists() or program.stat().st_mtime < max(file.stat().st_mtime for file in files):
            made = program.with_suffix(".new")
            units = [str(file) for file in files if file.suffix == ".c"]
            subprocess.run(
                ["gcc", "-std=c11", "-D_GNU_SOURCE", "-O2", *WARNINGS, *units, "-o", str(made)], check=True, cwd=ROOT
            )
            made.replace(program)
    return program


class DebugModule:
    """The chip's JTAG port on a UNIX socket; `config` goes to OpenOcd. `run`: the chip runs when OpenOCD comes."""

    def __init__(self, stub: str, *, run: bool = False) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="memtrace-jtag-")
        self._counts = Path(self._folder.name) / "counts"
        self._counts.write_bytes(bytes(8 * len(Counts.__dataclass_fields__)))
        self._listener: Listener = listen()
        self._arguments = [stub, str(self._counts), str(RAM_BASE), str(RAM_BYTES), *(["run"] if run else [])]
        self._process: subprocess.Popen[bytes] | None = None
        self.config = ["-c", f"set SIMULATED_PORT {self._listener.address}", "-f", str(CHIP_CONFIG)]

    @property
    def counts(self) -> Counts:
        """What has passed so far."""
        with self._counts.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
            return Counts(*struct.unpack(f"={len(view) // 8}Q", view))

    def ended(self, timeout: float = 60.0) -> bool:
        """Whether OpenOCD has gone: the port serves one, then ends."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process is not None and self._process.wait(timeout) == 0
        return False

    def __enter__(self) -> DebugModule:
        server = self._listener.socket.fileno()
        line = [*WITH_PARENT, str(build_module()), str(server), *self._arguments]
        self._process = subprocess.Popen(line, pass_fds=[server])
        self._listener.socket.close()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._listener.close()
        self._folder.cleanup()


class OpenOcd:
    """A running OpenOCD; `remote` goes behind `target remote`, `tcl` sends a command to it as a script would."""

    def __init__(self, arguments: Sequence[str], program: str = DEBIANS) -> None:
        self._log = tempfile.NamedTemporaryFile(prefix="memtrace-openocd-", mode="w+")  # noqa: SIM115 - closed in stop
        ports = ["-c", "gdb_port 0", "-c", "tcl_port 0", "-c", "telnet_port disabled"]
        self._line = [*WITH_PARENT, program, *ports, *arguments]
        self._process: subprocess.Popen[bytes] | None = None
        self.remote = ""
        self._tcl = ""

    @property
    def log(self) -> str:
        """What it has printed."""
        return Path(self._log.name).read_text(errors="replace")

    def __enter__(self) -> OpenOcd:
        self._process = subprocess.Popen(self._line, stdout=self._log, stderr=subprocess.STDOUT, cwd=ROOT)
        try:
            self.remote = f"127.0.0.1:{self._port('gdb')}"
            self._tcl = f"127.0.0.1:{self._port('tcl')}"
        except BaseException:
            self.stop()
            raise
        return self

    def _port(self, kind: str) -> str:
        limit = time.monotonic() + START_SECONDS
        while time.monotonic() < limit:
            found = re.search(rf"Listening on port (\d+) for {kind} connections", self.log)
            if found:
                return found[1]
            if self._process is None or self._process.poll() is not None:
                break
            time.sleep(0.02)
        raise RuntimeError(f"OpenOCD does not listen:\n{self.log}")

    def tcl(self, command: str, timeout: float = 60.0) -> str:
        """What OpenOCD answers to a command; its own messages stand in `log`."""
        with contextlib.closing(connect(self._tcl, timeout)) as stream:
            stream.sendall(command.encode() + b"\x1a")
            answer = b""
            while not answer.endswith(b"\x1a"):
                piece = stream.recv(65536)
                if not piece:
                    raise EOFError(f"OpenOCD ended:\n{self.log}")
                answer += piece
        return answer[:-1].decode()

    def stop(self) -> None:
        """End it."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(60)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._log.close()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
