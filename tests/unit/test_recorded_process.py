# SPDX-License-Identifier: Apache-2.0
"""`memtrace start|stop|mark --pid`: the log of a process is found by what it maps, asked, and waited for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from gdbext.faces.shell import main
from tests.support.recorded import Recorded


@pytest.fixture(autouse=True)
def no_long_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who obeys at all does so long before."""
    monkeypatch.setattr("gdbext.collect.requests.WAIT_SECONDS", 60)


def asked(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = main([*words, "--pid", str(os.getpid())])
    printed = capsys.readouterr()
    return status, printed.out, printed.err


@pytest.mark.parametrize(
    ("words", "request_word", "name", "state"),
    [
        (("mark", "before"), 0x104, b"before", "recording"),
        (("mark", "größer"), 0x104, "größer".encode(), "recording"),
        (("stop",), 0x103, b"", "stopped"),
        (("start",), 0x101, b"", "recording"),
    ],
)
def test_the_process_obeys(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    request_word: int,
    name: bytes,
    state: str,
) -> None:
    with Recorded(tmp_path / "a b.log") as process:
        status, out, _ = asked(capsys, *words, "--json")
    said = json.loads(out)
    assert (status, process.asked) == (0, [(request_word, name)])
    assert (said["obeyed"], said["state"], said["process"], said["log"]) == (
        True,
        state,
        os.getpid(),
        str(process.path),
    )


def test_a_thread_stands_for_its_process(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Debuggers and `ps -T` show threads' numbers."""
    over = threading.Event()
    thread = threading.Thread(target=over.wait)
    thread.start()
    with Recorded(tmp_path / "one.log") as process:
        assert main(["mark", "here", "--pid", str(thread.native_id)]) == 0
    over.set()
    thread.join()
    assert process.asked == [(0x104, b"here")]
    assert capsys.readouterr().out.startswith(f"mark here: process {os.getpid()} (")


def test_its_text_names_the_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Recorded(tmp_path / "one.log") as process:
        _, out, _ = asked(capsys, "mark", "here")
    assert out.startswith(f"mark here: process {os.getpid()} (") and out.rstrip().endswith(str(process.path))


def test_a_process_that_does_not_allocate_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gdbext.collect.requests.WAIT_SECONDS", 0)
    with Recorded(tmp_path / "one.log", obeys=False):
        status, out, _ = asked(capsys, "stop")
        assert status == 2 and "has not allocated for 0 s, and obeys when it does" in out
        status, _, err = asked(capsys, "mark", "next")
        assert status == 2 and "has not obeyed an earlier request yet" in err


def test_a_request_of_another_is_waited_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Recorded(tmp_path / "one.log") as process:
        process.ask(0x103)
        status, _, _ = asked(capsys, "mark", "mine")
    assert (status, [word for word, _ in process.asked]) == (0, [0x103, 0x104])


def test_a_log_of_the_parent_is_not_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A child of fork still maps it."""
    with Recorded(tmp_path / "one.log", process=os.getppid()) as process:
        status, _, err = asked(capsys, "mark", "mine")
        assert process.page[136:140] == bytes(4)
    assert status == 2 and "is not under the recorder: memtrace run -- PROGRAM starts one that is" in err


def test_a_log_that_was_removed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The library's name is among the mappings, as that of a file here."""
    with Recorded(tmp_path / "libmemtrace.so.log") as process:
        process.path.unlink()
        status, _, err = asked(capsys, "mark", "mine")
    assert status == 2 and f"writes no log that is still there: {process.path}" in err


def test_a_recorder_without_a_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Recorded(tmp_path / "libmemtrace.so", process=1):
        status, _, err = asked(capsys, "mark", "mine")
    assert status == 2 and "has the recorder, and no log" in err


def test_no_such_process(capsys: pytest.CaptureFixture[str]) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert main(["stop", "--pid", str(gone.pid)]) == 2
    assert capsys.readouterr().err == f"memtrace: there is no process {gone.pid} on this machine\n"


def test_a_process_of_another_user(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may do all, so the kernel's answer is played."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    with Recorded(tmp_path / "one.log"):
        monkeypatch.setattr("gdbext.target.recorded_process.os.open", refuse)
        status, _, err = asked(capsys, "stop")
        monkeypatch.undo()
        assert status == 2 and "may not be written: ask as its user, or as root" in err
        monkeypatch.setattr("builtins.open", refuse)
        status, _, err = asked(capsys, "stop")
        monkeypatch.undo()
    assert (status, err) == (2, f"memtrace: process {os.getpid()} is another user's: ask as that user, or as root\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("stop", "--pid", "0"), "--pid 0: the number of a process"),
        (("stop", "--pid", "me"), "--pid me: the number of a process"),
        (("stop", "a.log", "--pid", "1"), "--pid is a process of this machine: leave the file, --image and --rsp out"),
        (("mark", "x", "--pid", "1", "--rsp", ":1"), "--pid is a process of this machine: leave the file"),
        (("frees-only", "--pid", "1"), "--pid is no option"),
    ],
)
def test_wrong_words(capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str) -> None:
    assert main(list(words)) == 2
    assert said in capsys.readouterr().err


def test_a_name_that_is_too_long_is_not_cut(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Recorded(tmp_path / "one.log") as process:
        status, _, err = asked(capsys, "mark", "m" * 21)
    assert (status, process.asked) == (2, []) and "1 to 20 bytes" in err
