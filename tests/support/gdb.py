# SPDX-License-Identifier: Apache-2.0
"""The real GDB: `run_gdb` for a list of commands in batch, `GdbSession` for one that is talked to.

Each GDB is a process group of its own with a limit on its time, and dies with its parent. No init file is read (-nx),
and an answer may take a minute (-l: on a busy machine two seconds pass); nothing else is set, so a test sees what a
user sees: `set pagination`, width and the like stand in its commands.
"""

from __future__ import annotations

import codecs
import contextlib
import json
import os
import pty
import re
import select
import signal
import subprocess
import tempfile
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.support.chips import RV32_GDB
from tests.support.paths import EXTENSION, ROOT
from tests.support.schema import held_to_schema

GDB = RV32_GDB
NATIVE_GDB = "gdb"
WITHOUT_PYTHON = str(ROOT / ".venv" / "gdb-minimal" / "usr" / "bin" / "gdb")  # tools/setup unpacks it
PROMPT = r"\(gdb\) \Z"
SOURCE = f"source {EXTENSION}"
QUIET = ["-nx", "-q", "-l", "60"]
# memtrace plans by how fast a link has shown to be; with this, none is slow because the machine is busy.
AT_ONCE = "python import time; time.monotonic = lambda: 0.0"
SIDE = Path(__file__).with_name("gdb_side.py")
# Ends with its parent; and a GDB that crashes leaves no core file in the repository.
WITH_PARENT = ["prlimit", "--core=0", "setpriv", "--pdeathsig", "KILL"]
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class NoTerminalError(RuntimeError):
    """The system gives no pseudo-terminal."""


class GdbTimeoutError(TimeoutError):
    """GDB did not finish in time; the message holds what it printed."""


@dataclass(frozen=True)
class Captured:
    """What one captured command did: its text, the error that it ended in, wall and CPU seconds of GDB."""

    command: str
    output: str
    error: str | None
    seconds: float
    cpu: float

    def json(self) -> Any:
        """The output as JSON; fails with the text in the message if it is none."""
        try:
            report = json.loads(self.output)
        except ValueError as error:
            raise ValueError(f"{self.command!r} printed no JSON ({self.error}): {self.output[:2000]!r}") from error
        return held_to_schema(report)


@dataclass(frozen=True)
class Capture:
    """A command whose output is wanted apart; its result stands under the same index in `GdbResult.captured`."""

    command: str


@dataclass(frozen=True)
class GdbResult:
    """How a batch run of GDB ended."""

    stdout: str
    stderr: str
    status: int
    seconds: float
    captured: list[Captured] = field(default_factory=list)

    def json(self, index: int = 0) -> Any:
        """The JSON that the captured command number `index` printed."""
        if index >= len(self.captured):
            raise AssertionError(f"captured command {index} never ran\n{self.stdout}\n{self.stderr}")
        return self.captured[index].json()


def remote(address: str) -> str:
    """The command that connects to `address` (of Qemu, RspStub or RspProxy)."""
    return f"target remote {address}"


def run_gdb(
    commands: Sequence[str | Capture],
    *,
    elf: Path | None = None,
    program: str = GDB,
    timeout: float = 300.0,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    arguments: Sequence[str] = (),
) -> GdbResult:
    """Run the commands with `gdb -nx -batch` and return all that came of them; GdbTimeoutError past `timeout`.

    A batch GDB goes on after a command that failed, and its status is that of the last one. With `stdin`, the text is
    piped in after the commands and GDB is not in batch mode.
    """
    with tempfile.TemporaryDirectory(prefix="memtrace-gdb-") as folder:
        line = [*WITH_PARENT, program, *QUIET, *([] if stdin is not None else ["-batch"]), *arguments]
        line += [word for command in _spelled(commands, Path(folder)) for word in ("-ex", command)]
        line += [str(elf)] if elf else []
        started = time.monotonic()
        stdout, stderr, status = _run(line, stdin, timeout, env)
        captured = _captured(commands, Path(folder))
    return GdbResult(stdout, stderr, status, time.monotonic() - started, captured)


def _spelled(commands: Sequence[str | Capture], folder: Path) -> list[str]:
    lines: list[str] = []
    for index, command in enumerate(commands):
        if isinstance(command, str):
            lines.append(command)
            continue
        if not any(line.startswith(f"source {SIDE}") for line in lines):
            lines.append(f"source {SIDE}")
        lines.append(f"python memtrace_capture({str(folder / str(index))!r}, {command.command!r})")
    return lines


def _captured(commands: Sequence[str | Capture], folder: Path) -> list[Captured]:
    found = []
    for index, command in enumerate(commands):
        file = folder / str(index)
        if isinstance(command, Capture) and file.exists():
            found.append(Captured(command.command, **json.loads(file.read_text(encoding="utf-8"))))
    return found


def _run(line: list[str], stdin: str | None, timeout: float, env: Mapping[str, str] | None) -> tuple[str, str, int]:
    process = subprocess.Popen(
        line,
        stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env={**os.environ, **(env or {})},
        start_new_session=True,
    )
    try:
        stdout, stderr = process.communicate(stdin, timeout)
    except subprocess.TimeoutExpired:
        _kill_group(process.pid)
        stdout, stderr = process.communicate()
        raise GdbTimeoutError(f"GDB took more than {timeout} s\n{' '.join(line)}\n{stdout}\n{stderr}") from None
    return stdout, stderr, process.returncode


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


class GdbSession:
    """GDB kept open: `with GdbSession(elf=...) as gdb: gdb.command("info line main")`.

    In a pty (the default) it behaves as for a person: pager, colours as `term` allows, Ctrl-C. Piped, as for a script.
    `transcript` keeps all that was typed and printed; `echo` is given every piece of it as it comes.
    """

    def __init__(
        self,
        *,
        elf: Path | None = None,
        program: str = GDB,
        tty: bool = True,
        columns: int = 1000,
        lines: int = 1000,
        term: str = "dumb",
        env: Mapping[str, str] | None = None,
        timeout: float = 120.0,
        arguments: Sequence[str] = (),
        echo: Callable[[str], object] | None = None,
    ) -> None:
        self.timeout = timeout
        self.echo = echo
        self.transcript = ""
        self._idle = False
        self._tty = tty
        line = [program, *QUIET, *arguments, *([str(elf)] if elf else [])]
        full = {**os.environ, "TERM": term, "INPUTRC": "/dev/null", **(env or {})}
        full.update(COLUMNS=str(columns), LINES=str(lines))
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        opened = _open_tty(line, full, (lines, columns)) if tty else _open_pipe(line, full)
        self._process, self._in, self._out = opened
        self._open = {self._in, self._out}
        self.banner = self.expect(PROMPT)

    def command(self, text: str, timeout: float | None = None) -> str:
        """Type a command and return what it printed, without its echo and the prompt."""
        self.send(text + "\n")
        printed = self.expect(PROMPT, timeout)
        printed = re.sub(PROMPT, "", printed)
        return printed.split("\n", 1)[-1] if self._tty else printed

    def send(self, text: str) -> None:
        """Type `text` as it is; "\\x03" in a pty is Ctrl-C."""
        os.write(self._in, text.encode())

    def interrupt(self) -> None:
        """Ctrl-C, in a pty and piped."""
        if self._tty:
            self.send("\x03")
        else:
            self._process.send_signal(signal.SIGINT)

    def expect(self, pattern: str, timeout: float | None = None) -> str:
        """Read until `pattern` is found in what came since the last `expect`; return all of that, "\\r" dropped."""
        limit = time.monotonic() + (self.timeout if timeout is None else timeout)
        seen = ""
        while not re.search(pattern, ESCAPES.sub("", seen), re.MULTILINE):
            ready, _, _ = select.select([self._out], [], [], max(0.0, limit - time.monotonic()))
            if not ready:
                raise GdbTimeoutError(f"{pattern!r} did not come; so far:\n{seen}")
            piece = self._read()
            if piece is None:
                raise EOFError(f"GDB ended before {pattern!r} came:\n{seen}")
            seen += piece
        self._idle = bool(re.search(PROMPT, ESCAPES.sub("", seen)))
        return seen

    def _read(self) -> str | None:
        try:
            data = os.read(self._out, 65536)
        except OSError:  # a pty whose other end is gone
            return None
        if not data:
            return None
        piece = self._decode(data).replace("\r", "")
        self.transcript += piece
        if self.echo:
            self.echo(piece)
        return piece

    def close(self, timeout: float = 60.0) -> int:
        """End GDB: by `quit` where it waits for a command, else by kill; return its status."""
        polite = self._idle and self._process.poll() is None
        if polite:
            with contextlib.suppress(OSError):
                self.send("set confirm off\nquit\n")
        status = self._drain(timeout if polite else 0.0)
        for descriptor in self._open:
            os.close(descriptor)
        self._open.clear()
        return status

    def _drain(self, timeout: float) -> int:
        limit = time.monotonic() + timeout
        while self._process.poll() is None and time.monotonic() < limit:
            if select.select([self._out], [], [], 0.1)[0] and self._read() is None:
                time.sleep(0.01)
        if self._process.poll() is None:
            _kill_group(self._process.pid)
        return self._process.wait()

    def __enter__(self) -> GdbSession:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


Opened = tuple["subprocess.Popen[bytes]", int, int]


def _open_tty(line: list[str], env: Mapping[str, str], size: tuple[int, int]) -> Opened:
    try:
        ours, theirs = pty.openpty()
    except OSError as error:
        raise NoTerminalError(
            f"no pseudo-terminal can be opened here ({error.strerror or error}): mount one (`mount -t devpts -o "
            "newinstance,ptmxmode=0666 devpts /dev/pts; ln -s pts/ptmx /dev/ptmx`; `docker run` does) and try again"
        ) from None
    termios.tcsetwinsize(theirs, size)
    # --ctty makes the pty GDB's controlling terminal, without which Ctrl-C is only a character.
    process = subprocess.Popen(
        [*WITH_PARENT, "setsid", "--ctty", *line], stdin=theirs, stdout=theirs, stderr=theirs, env=env
    )
    os.close(theirs)
    return process, ours, ours


def _open_pipe(line: list[str], env: Mapping[str, str]) -> Opened:
    process = subprocess.Popen(
        [*WITH_PARENT, *line],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=env,
        start_new_session=True,
    )
    assert process.stdin and process.stdout
    opened = process, os.dup(process.stdin.fileno()), os.dup(process.stdout.fileno())
    process.stdin.close()
    process.stdout.close()
    return opened
