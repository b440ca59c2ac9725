# SPDX-License-Identifier: Apache-2.0
"""`memtrace monitor` on a terminal's other end: text and log are told apart, the file is a log, nothing commands us."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import pytest

from gdbext.report.console import Console
from tests.cli.shell import Said, memtrace
from tests.support.log import HEADER, Log
from tests.support.paths import ROOT
from tests.support.rsp_traffic import wait_until
from tests.support.terminal import HOSTILE, commanding
from tests.support.uart import framed


@dataclass
class Board:
    """What sends: one end of a pseudo terminal; the other one is `port`."""

    sending: int
    receiving: int
    port: str
    is_plugged: bool = True

    def send(self, data: bytes) -> None:
        while data:
            data = data[os.write(self.sending, data) :]

    def unplug(self) -> None:
        if self.is_plugged:
            os.close(self.sending)
            os.close(self.receiving)
        self.is_plugged = False


@contextmanager
def board() -> Iterator[Board]:
    sending, receiving = os.openpty()
    tty.setraw(receiving)
    made = Board(sending, receiving, os.ttyname(receiving))
    try:
        yield made
    finally:
        made.unplug()


def heard(data: bytes, *words: object) -> Said:
    """The monitor's words for what a board sends before it is unplugged."""
    with board() as made:

        def play() -> None:
            wait_until(lambda: "Ctrl-C ends it" in printed(sys.stderr))
            made.send(data + END)
            wait_until(lambda: printed(sys.stdout).endswith(END.decode()))
            made.unplug()

        player = Thread(target=play)
        player.start()
        said = memtrace("monitor", made.port, *words)
        player.join()
    return Said(said.status, said.out.removesuffix(END.decode()), said.err)


def printed(stream: object) -> str:
    """What the shell's face has printed so far."""
    return stream.getvalue() if isinstance(stream, io.StringIO) else ""


END = b"the board is unplugged\n"
LOG = Log()
for number in range(200):
    LOG.event("alloc", 0x2000_0000 + 16 * number, 16)
FRAMES = framed(bytes(LOG.data), HEADER)


def test_text_is_shown_and_the_log_is_kept(tmp_path: Path) -> None:
    texts = [f"I (12{number}) wifi: state\r\n".encode() for number in range(len(FRAMES))]
    cut = [one[:40] + text + one[40:] for one, text in zip(FRAMES, texts, strict=True)]
    said = heard(b"".join(cut), "--log", tmp_path / "board.log")
    assert said.out.splitlines() == [text.decode().strip() for text in texts]
    assert (tmp_path / "board.log").read_bytes() == bytes(LOG.data)
    _, summary, end = said.err.splitlines()
    assert (
        summary == f"memtrace: {len(FRAMES)} frames of a log came; nothing was lost; they are in {tmp_path}/board.log"
    )
    assert end.startswith("memtrace: /dev/") and " is gone" in end and said.status == 2


def test_what_is_lost_is_told(tmp_path: Path) -> None:
    broken = FRAMES[3][:100] + FRAMES[3][101:]
    said = heard(b"".join([*FRAMES[:3], broken, *FRAMES[4:]]), "--log", tmp_path / "board.log")
    assert f"{len(FRAMES) - 1} frames of a log came; 1 were broken, and 496 bytes of the log did not come" in said.err
    assert (tmp_path / "board.log").read_bytes() == bytes(LOG.data[: HEADER + 992] + LOG.data[HEADER + 1488 :])


def test_without_a_file_nothing_is_kept() -> None:
    assert "--log FILE keeps them" in heard(b"".join(FRAMES)).err
    assert "no log came in frames: docs/how-to/log-over-uart.md" in heard(b"hello\n").err
    assert "1 frames began and none was whole" in heard(FRAMES[1][:90] + b"\x1e\x1e").err


def test_nothing_commands_the_terminal() -> None:
    hostile = [text.encode() for text in HOSTILE] + [b"\x1b", b"\x1b[2J", b"\x9b2J", b"\xff\x80", b"\xe2\x80", b"\t"]
    said = heard(b"x" * 99 + b"a".join(hostile) + b"\n" + b"a".join(FRAMES) + b"x" * 9000 + b"\n")
    assert commanding(said.out) == []
    assert "\\x1b[2J" in said.out and "\\xff\\x80" in said.out and "x" * 9000 in said.out


def test_colours_are_taken_out_wherever_they_are_cut() -> None:
    line = "\x1b[0;32mI (312) cpu: 40\u00b0C\x1b[0m\r\n".encode()
    for at in range(len(line)):
        shown = io.StringIO()
        console = Console(shown)
        console.add(line[:at])
        console.add(line[at:])
        console.finish()
        assert shown.getvalue() == "I (312) cpu: 40\u00b0C\n"


def test_a_prompt_is_shown_while_it_waits() -> None:
    shown = io.StringIO()
    console = Console(shown)
    console.add(b"ready\n> ")
    console.add(b"")
    assert shown.getvalue() == "ready\n> "
    console.add(b"help\r")
    console.add(b"")
    console.add(b"\n50 %\r100 %\n")
    console.finish()
    assert shown.getvalue() == "ready\n> help\n50 %\n100 %\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("no-such-port",), "no-such-port cannot be opened: No such file or directory"),
        (("FILE",), "FILE is a file and no serial port: memtrace decode and explain read a console's text"),
        (("PORT", "--baud", "fast"), "--baud fast: a baud rate is a number, such as 115200"),
        (("PORT", "--log", "FILE"), "FILE cannot be written: there is a file already; --overwrite replaces it"),
        (("PORT", "--log", "nowhere/board.log"), "nowhere/board.log cannot be written: No such file or directory"),
    ],
)
def test_what_cannot_be_is_one_line(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    file = tmp_path / "there.log"
    file.write_bytes(b"precious")
    with board() as made:
        given = [word.replace("PORT", made.port).replace("FILE", str(file)) for word in words]
        answer = memtrace("monitor", *given)
    assert (answer.status, answer.out) == (2, "")
    assert answer.err == f"memtrace: {said.replace('FILE', str(file))}\n"
    assert file.read_bytes() == b"precious"


def test_pyserial_may_be_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "serial", None)
    assert "pip install 'memtrace-heap[serial]'" in memtrace("monitor", "/dev/null").err


def _hears_ctrl_c() -> None:
    """Whoever runs the tests in the background may have told them not to."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_ends_it_and_one_process_holds_the_port(tmp_path: Path) -> None:
    log = tmp_path / "board.log"
    with board() as made:
        command = [sys.executable, "-m", "gdbext", "monitor", made.port, "--log", str(log)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with subprocess.Popen(command, cwd=ROOT, text=True, preexec_fn=_hears_ctrl_c, **pipes) as process:
            try:
                wait_until(log.exists)
                refused = memtrace("monitor", made.port)
                made.send(b"hello\n" + b"".join(FRAMES))
                wait_until(lambda: log.stat().st_size == len(LOG.data))
                process.send_signal(signal.SIGINT)
                out, err = process.communicate(timeout=60)
            finally:
                process.kill()
    assert refused.err == f"memtrace: {made.port} cannot be opened: another program has it\n"
    assert (process.returncode, out) == (0, "hello\n")
    assert err.splitlines()[0] == f"memtrace: {made.port} at 115,200 baud; Ctrl-C ends it"
    assert err.splitlines()[1] == f"memtrace: {len(FRAMES)} frames of a log came; nothing was lost; they are in {log}"
