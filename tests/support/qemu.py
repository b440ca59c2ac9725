# SPDX-License-Identifier: Apache-2.0
"""A chip in QEMU that waits for GDB at its reset vector.

QEMU gets its listening socket as an open descriptor, so GDB can connect at once (no polling) and no port is raced for.
The machine dies with the process that started it (setpriv --pdeathsig), even when that one is killed: no test leaves
one behind. (It goes with the *thread* that started it: start none from a thread that ends early.) Nothing is attached
that was not asked for (-nodefaults): no network, no monitor; the console goes to a file.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from tests.support.chips import RV32, Chip
from tests.support.sockets import Listener, listen

STOP_SECONDS = 60.0
RAM_BASE = RV32.base


class Qemu:
    """`with Qemu(kernel=elf) as chip:` runs a chip; `chip.remote` goes behind `target remote`.

    `append` is the kernel command line (our firmware reads "scenario=NAME" from it), `smp` the number of harts,
    `icount` as QEMU takes it (None: free-running), `cpu` such as "rv32,a=false" (None: the chip's), `memory` in MiB;
    `paused` waits at reset for GDB; `tcp` listens on a port instead of a UNIX socket; `extra` is added to the command
    line; `chip` is one of tests.support.chips; with `pty` the UART is a `terminal` in place of the console's file.
    """

    def __init__(
        self,
        kernel: Path | None = None,
        *,
        append: str | None = None,
        smp: int = 1,
        icount: str | None = None,
        cpu: str | None = None,
        memory: int = 16,
        paused: bool = True,
        tcp: bool = False,
        extra: Sequence[str] = (),
        chip: Chip = RV32,
        pty: bool = False,
    ) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="memtrace-qemu-")
        self._console = Path(self._folder.name) / "console"
        self._listener: Listener = listen(tcp=tcp)
        self._process: subprocess.Popen[bytes] | None = None
        self._nodelay = ",nodelay=on" if tcp else ""  # else 40 ms a packet
        self.remote = self._listener.address
        self.machine = [*chip.machine, "-cpu", cpu or chip.cpu, "-smp", str(smp)]
        self.machine += ["-m", f"{memory}M", "-display", "none", "-nodefaults"]
        self.machine += ["-serial", "pty" if pty else f"file:{self._console}"]
        self.machine += chip.kernel(kernel) if kernel else []
        self.machine += ["-append", append] if append else []
        self.machine += ["-icount", icount] if icount else []
        self.machine += ["-S"] if paused else []
        self.machine += list(extra)

    def start(self) -> Qemu:
        """Start the machine; `remote` answers from now on."""
        server = self._listener.socket.fileno()
        stub = ["-chardev", f"socket,id=gdb,fd={server},server=on,wait=off{self._nodelay}", "-gdb", "chardev:gdb"]
        folder = Path(self._folder.name)
        with (folder / "errors").open("wb") as errors, (folder / "words").open("wb") as words:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *self.machine, *stub],
                stdin=subprocess.DEVNULL,
                stdout=words,
                stderr=errors,
                pass_fds=[server],
            )
        # Ours must close: else a connection to a machine that died would wait in our backlog instead of being refused.
        self._listener.socket.close()
        return self

    @property
    def pid(self) -> int:
        """The process id of the running machine."""
        if self._process is None:
            raise RuntimeError("the machine has not been started")
        return self._process.pid

    @property
    def console(self) -> str:
        """What the firmware has printed on its UART so far."""
        return self._console.read_text(errors="replace") if self._console.exists() else ""

    @property
    def raw_console(self) -> bytes:
        """What has come over the UART so far, as bytes."""
        return self._console.read_bytes() if self._console.exists() else b""

    @property
    def terminal(self) -> str:
        """The terminal that is the UART's other end."""
        words = Path(self._folder.name) / "words"
        limit = time.monotonic() + STOP_SECONDS
        while not (found := re.search(r"redirected to (/dev/\S+) ", words.read_text())):
            if time.monotonic() > limit:
                raise TimeoutError(f"QEMU names no terminal: {words.read_text()!r}, {self.errors}")
            time.sleep(0.02)
        return found[1]

    def kill(self) -> None:
        """End the machine as a power cut does, between two of its writes."""
        if self._process:
            self._process.kill()
            self._process.wait()

    @property
    def errors(self) -> str:
        """What QEMU itself complained of."""
        path = Path(self._folder.name) / "errors"
        return path.read_text(errors="replace") if path.exists() else ""

    def wait(self, timeout: float) -> int:
        """Wait until the firmware powers the machine off; return QEMU's exit status. TimeoutExpired if it does not."""
        if self._process is None:
            raise RuntimeError("the machine has not been started")
        return self._process.wait(timeout)

    def wait_for_console(self, text: str, timeout: float = 60.0) -> str:
        """Wait until `text` stands on the console; return all of it."""
        limit = time.monotonic() + timeout
        while text not in self.console:
            if time.monotonic() > limit:
                raise TimeoutError(
                    f"{text!r} did not come within {timeout} s; console: {self.console!r}, {self.errors}"
                )
            time.sleep(0.02)
        return self.console

    def stop(self) -> None:
        """End the machine and remove what it left."""
        if self._process and self._process.poll() is None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_SECONDS)
        if self._process and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._listener.close()
        self._folder.cleanup()

    def __enter__(self) -> Qemu:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
