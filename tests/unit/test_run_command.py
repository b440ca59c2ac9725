# SPDX-License-Identifier: Apache-2.0
"""`memtrace run`: which variables its options become, what it starts, and what it refuses in one line."""

from __future__ import annotations

import os
import signal
import stat
import struct
from pathlib import Path
from typing import NamedTuple

import pytest

from gdbext.faces.shell import main

X86_64, I386, AARCH64 = (62, 8), (3, 4), (183, 8)
GLIBC, MUSL = "/lib64/ld-linux-x86-64.so.2", "/lib/ld-musl-x86_64.so.1"


class Exec(NamedTuple):
    """What the kernel was given."""

    path: str
    words: list[str]
    environment: dict[str, str]

    def recorder(self) -> dict[str, str]:
        """The recorder's variables but for the log's and the summary's."""
        names = (name for name in self.environment if name.startswith("MEMTRACE_"))
        return {name[9:]: self.environment[name] for name in names if name[9:] not in ("LOG", "SUMMARY", "SHARED")}


def elf(machine: tuple[int, int] = X86_64, loader: str | None = GLIBC, tail: bytes = b"") -> bytes:
    """An ELF file with one segment, which names the loader or is of another kind."""
    number, word = machine
    head = bytearray(b"\x7fELF" + bytes([2 if word == 8 else 1, 1, 1])).ljust(64, b"\0")
    struct.pack_into("<HH", head, 16, 3, number)
    struct.pack_into("<Q" if word == 8 else "<I", head, 32 if word == 8 else 28, 64)
    struct.pack_into("<HH", head, 54 if word == 8 else 42, 56 if word == 8 else 32, 1)
    kind, text = (1, b"") if loader is None else (3, loader.encode() + b"\0")
    if word == 8:
        row = struct.pack("<IIQQQQQQ", kind, 4, 128, 0, 0, len(text), len(text), 1)
    else:
        row = struct.pack("<IIIIIIII", kind, 128, 0, 0, len(text), len(text), 4, 1)
    return bytes(head) + row.ljust(64, b"\0") + text + tail


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Exec]:
    """A folder with a program `app` and the recorder; nothing is started, but noted here."""
    program(tmp_path / "app", elf())
    program(tmp_path / "rec" / "libmemtrace.so", elf(loader=None, tail=b"\0libc.so.6\0"))
    started: list[Exec] = []
    monkeypatch.setattr("os.execve", lambda *given: started.append(Exec(*given)))
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr("gdbext.commands.run.PACKAGE", tmp_path / "rec")
    monkeypatch.chdir(tmp_path)
    for name in [*os.environ]:
        if name.startswith("MEMTRACE_") or name == "LD_PRELOAD":
            monkeypatch.delenv(name)
    return started


def program(path: Path, data: bytes, mode: int = 0o755) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    path.chmod(mode)
    return path


def run(*words: str) -> int:
    return main(["run", *words])


def only(runs: list[Exec]) -> Exec:
    (found,) = runs
    return found


@pytest.mark.parametrize(
    ("options", "variables"),
    [
        ([], {}),
        (["--depth", "255"], {"DEPTH": "255"}),
        (["--stack-sizes", "16,1K-64k,1G-"], {"STACK_SIZES": "16,1K-64k,1G-"}),
        (["--stack-sizes", "-64"], {"STACK_SIZES": "-64"}),
        (["--free-stacks"], {"FREE_STACKS": "1"}),
        (["--paused", "--no-children"], {"PAUSED": "1", "CHILDREN": "0"}),
        (["--peak", "600"], {"PEAK_MB": "600"}),
        (["--signal", "12"], {"SIGNAL": "12"}),
        (["--signal", "SIGUSR2"], {"SIGNAL": str(int(signal.SIGUSR2))}),
        (["--signal", "rtmin+3"], {"SIGNAL": str(int(signal.SIGRTMIN) + 3)}),
        (["--max-log", "2G", "--reserve", "0"], {"MAX_LOG": "2G", "RESERVE": "0"}),
    ],
)
def test_options_become_variables(runs: list[Exec], options: list[str], variables: dict[str, str]) -> None:
    run(*options, "--", "./app")
    assert only(runs).recorder() == variables


def test_the_program_is_started_as_typed(runs: list[Exec], tmp_path: Path) -> None:
    run("--", "./app", "-x", "--depth", "--", "two words")
    found = only(runs)
    assert (found.path, found.words) == ("./app", ["./app", "-x", "--depth", "--", "two words"])
    assert found.environment["LD_PRELOAD"] == str(tmp_path / "rec" / "libmemtrace.so")
    unchanged = {name: value for name, value in os.environ.items() if name not in ("LD_PRELOAD",)}
    assert unchanged.items() <= found.environment.items()


def test_variables_that_no_option_names_stay(runs: list[Exec], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMTRACE_DEPTH", "7")
    monkeypatch.setenv("MEMTRACE_RESERVE", "1G")
    run("--depth", "9", "--", "./app")
    assert only(runs).recorder() == {"DEPTH": "9", "RESERVE": "1G"}


@pytest.mark.parametrize(
    ("options", "before", "log"),
    [
        ([], None, "memtrace.%n.%p.log"),
        ([], "from/env.log", "from/env.log"),
        (["--output", "x/%p.log"], "from/env.log", "x/%p.log"),
    ],
)
def test_the_log_has_one_place_whatever_folder_a_child_starts_in(
    runs: list[Exec], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], before: str | None, log: str
) -> None:
    if before is not None:
        monkeypatch.setenv("MEMTRACE_LOG", before)
    run(*options, "--", "./app")
    assert only(runs).environment["MEMTRACE_LOG"] == str(tmp_path / log)


def test_a_folder_with_a_percent_sign_is_not_taken_for_a_blank(
    runs: list[Exec], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "100%p").mkdir()
    monkeypatch.chdir(tmp_path / "100%p")
    run("--output", "a.log", "--", "../app")
    assert only(runs).environment["MEMTRACE_LOG"] == "a.log"


@pytest.mark.parametrize(
    ("there", "output", "log"),
    [
        ([], [], "memtrace.app.{}.log"),
        (["memtrace.app.{}.log", "memtrace.app.{}.2.log"], [], "memtrace.app.{}.3.log"),
        (["here.log"], ["--output", "here.log"], "here.2.log"),
        (["a"], ["--output", "a"], "a.2"),
    ],
)
def test_what_to_type_afterwards_is_said(
    runs: list[Exec], capsys: pytest.CaptureFixture[str], there: list[str], output: list[str], log: str
) -> None:
    for name in there:
        Path(name.format(os.getpid())).touch()
    run(*output, "--", "./app")
    assert f"memtrace: recording; afterwards: memtrace report {log.format(os.getpid())}\n" in capsys.readouterr().err
    assert only(runs).environment["MEMTRACE_SUMMARY"] == str(os.getpid())


def test_paused_says_how_to_begin(runs: list[Exec], capsys: pytest.CaptureFixture[str]) -> None:
    run("--paused", "--", "./app")
    assert f"memtrace: paused: memtrace start --pid {os.getpid()} begins; afterwards: " in capsys.readouterr().err


def test_no_summary_prints_nothing(runs: list[Exec], capsys: pytest.CaptureFixture[str]) -> None:
    run("--no-summary", "--", "./app")
    assert only(runs).environment["MEMTRACE_SUMMARY"] == "0"
    assert "afterwards" not in capsys.readouterr().err


def test_other_libraries_stay_preloaded(runs: list[Exec], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = str(tmp_path / "rec" / "libmemtrace.so")
    monkeypatch.setenv("LD_PRELOAD", f"/usr/lib/a.so {own}:/usr/lib/b.so /old/libmemtrace.so")
    run("--", "./app")
    assert only(runs).environment["LD_PRELOAD"] == f"{own}:/usr/lib/a.so:/usr/lib/b.so"


@pytest.mark.parametrize(
    ("first_line", "words"),
    [
        (b"#!{}/app -u\n", ["{}/app", "-u", "./script"]),
        (b"#! {}/app two words \n", ["{}/app", "two words", "./script"]),
        (b"#!/usr/bin/env app\n", ["app", "./script"]),
        (b"#!/usr/bin/env -S app -u 'a b'\n", ["app", "-u", "a b", "./script"]),
    ],
)
def test_a_script_is_led_to_its_interpreter(
    runs: list[Exec], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first_line: bytes, words: list[str]
) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    program(tmp_path / "script", first_line.replace(b"{}", str(tmp_path).encode()) + b"more\n")
    run("--", "./script", "-v")
    found = only(runs)
    assert found.words == [*(word.format(tmp_path) for word in words), "-v"]
    assert found.path == str(tmp_path / "app")


def test_env_that_does_more_is_kept(runs: list[Exec], tmp_path: Path) -> None:
    program(tmp_path / "env", elf())
    program(tmp_path / "script", f"#!{tmp_path}/env A=1 app\n".encode())
    run("--", "./script")
    assert only(runs).words == [f"{tmp_path}/env", "A=1 app", "./script"]


BROKEN = {
    "static": elf(loader=None),
    "of-musl": elf(loader=MUSL),
    "i386": elf(I386, "/lib/ld-linux.so.2"),
    "aarch64": elf(AARCH64, "/lib/ld-linux-aarch64.so.1"),
    "text": b"echo\n",
    "nothing": b"#!\n",
    "lost": b"#!/no/such/interpreter\n",
    "circle": b"#!circle\n",
}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("static", "./static is linked statically, and nothing can be loaded into it"),
        ("of-musl", "./of-musl runs on musl, and the recorder is for glibc"),
        ("i386", "./i386 is a 32-bit x86 program, and the recorder is 64-bit x86-64: build one for it"),
        ("aarch64", "./aarch64 is a 64-bit AArch64 program, and the recorder is 64-bit x86-64: build one for it"),
        ("text", "./text is no program and has no #! line: name what runs it, as in memtrace run -- sh ./text"),
        ("nothing", "./nothing: its first line #! names no interpreter"),
        ("lost", "./lost: its interpreter /no/such/interpreter: no such file"),
        ("circle", "./circle is a script of a script of a script"),
        ("not-there", "./not-there: no such file"),
        ("folder", "./folder is a folder"),
        ("plain", "./plain may not be executed: chmod +x"),
    ],
)
def test_what_cannot_be_recorded_is_one_line(
    runs: list[Exec],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    said: str,
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for one, data in BROKEN.items():
        program(tmp_path / one, data)
    (tmp_path / "folder").mkdir()
    program(tmp_path / "plain", elf(), 0o644)
    assert run("--", f"./{name}") == 2
    err = capsys.readouterr().err
    assert err.startswith(f"memtrace: {said}") and err.count("\n") == 1 and runs == []


@pytest.mark.parametrize(("loader", "refused"), [(GLIBC, True), (MUSL, False), ("/system/bin/linker64", False)])
@pytest.mark.parametrize("needed", [b"\0libc.so\0", b"\0libc.musl-x86_64.so.1\0"])
def test_a_recorder_of_musl_is_for_programs_of_musl(
    runs: list[Exec], tmp_path: Path, capsys: pytest.CaptureFixture[str], loader: str, refused: bool, needed: bytes
) -> None:
    """Other loaders leave it out, or end the program."""
    program(tmp_path / "rec" / "musl.so", elf(loader=None, tail=needed))
    program(tmp_path / "app", elf(loader=loader))
    run("--library", "rec/musl.so", "--", "./app")
    assert (runs == []) == refused
    said = "./app runs on glibc, and the recorder is for musl: build one (make -C c_helpers/linux) and name it"
    assert (said in capsys.readouterr().err) == refused


def test_a_name_that_is_not_on_path(runs: list[Exec], capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--", "no-such-program-at-all") == 2
    assert capsys.readouterr().err == "memtrace: no-such-program-at-all: no such program on PATH\n"


@pytest.mark.parametrize("bit", [stat.S_ISUID, stat.S_ISGID])
def test_setuid_is_refused_where_it_gives_rights(
    runs: list[Exec], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], bit: int
) -> None:
    (tmp_path / "app").chmod(0o755 | bit)
    run("--", "./app")  # it is ours: it gets no more than we have
    only(runs)
    capsys.readouterr()
    monkeypatch.setattr("os.getuid", lambda: 54321)
    monkeypatch.setattr("os.getgid", lambda: 54321)
    assert run("--", "./app") == 2
    assert capsys.readouterr().err.startswith("memtrace: ./app gets rights of its own (setuid, or capabilities)")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["./app"], "put -- before the program: memtrace run [OPTIONS] -- PROGRAM ARGUMENTS"),
        (["./app", "-x", "--colour"], "put -- before the program: memtrace run [OPTIONS] -- PROGRAM ARGUMENTS"),
        (["--depth", "3", "--"], "put -- before the program: memtrace run [OPTIONS] -- PROGRAM ARGUMENTS"),
        (["./app", "--", "-x"], "put -- before the program: memtrace run [OPTIONS] -- ./app -x"),
        (["--output", "a b", "--", "./app"], "--output a b is a folder: name the log in it, as a b/%n.%p.log"),
        (["--output", "new/", "--", "./app"], "--output new/ is a folder: name the log in it, as new/%n.%p.log"),
        (["--depth", "0", "--", "./app"], "--depth 0: frames of a stack, 1 to 255"),
        (["--depth", "256", "--", "./app"], "--depth 256: frames of a stack, 1 to 255"),
        (["--stack-sizes", "16-8", "--", "./app"], "--stack-sizes 16-8: 16 is more than 8"),
        (["--stack-sizes", "2K-1024", "--", "./app"], "--stack-sizes 2K-1024: 2K is more than 1024"),
        (["--stack-sizes", "16:32", "--", "./app"], "--stack-sizes 16:32: give MIN-MAX, MIN-, -MAX or N"),
        (["--stack-sizes", "1,,2", "--", "./app"], "--stack-sizes 1,,2: give MIN-MAX, MIN-, -MAX or N"),
        (["--stack-sizes", ",".join(map(str, range(17))), "--", "./app"], "--stack-sizes takes up to 16 ranges"),
        (["--peak", "0", "--", "./app"], "--peak 0: megabytes, as a number from 1 on"),
        (["--signal", "33", "--", "./app"], "--signal 33: signal 33 is the C library's own"),
        (["--signal", "KILL", "--", "./app"], "--signal KILL: signal 9 is no program's to handle"),
        (["--signal", "65", "--", "./app"], "--signal 65: a signal's name or number"),
        (["--signal", "_DFL", "--", "./app"], "--signal _DFL: a signal's name or number"),
        (["--max-log", "4K", "--", "./app"], "--max-log 4K: at least 1M"),
        (["--max-log", "4T", "--", "./app"], "--max-log 4T: give bytes as a number, or with K, M or G behind it"),
        (["--reserve", "much", "--", "./app"], "--reserve much: give bytes as a number"),
        (["--library", "lib.so", "--", "./app"], "{}/lib.so is not there\n"),
        (["--library", "app.log", "--", "./app"], "{}/app.log is no ELF file: --library is the recorder"),
        (["--library", "a b/lib.so", "--", "./app"], "{}/a b/lib.so: LD_PRELOAD cannot name it"),
    ],
)
def test_wrong_words_are_one_line(
    runs: list[Exec], tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    program(tmp_path / "app.log", b"text")
    program(tmp_path / "a b" / "lib.so", elf(loader=None))
    assert run(*words) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"memtrace: {said.format(tmp_path)}") and err.count("\n") == 1 and runs == []


def test_without_the_recorder_it_says_how_to_get_it(
    runs: list[Exec], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rec" / "libmemtrace.so").unlink()
    assert run("--", "./app") == 2
    assert "is not there: `make setup` builds it" in capsys.readouterr().err


def test_an_exec_that_fails_is_one_line(
    runs: list[Exec], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(7, "Argument list too long")

    monkeypatch.setattr("os.execve", refuse)
    assert run("--no-summary", "--", "./app") == 2
    assert capsys.readouterr().err == "memtrace: ./app cannot be started: Argument list too long\n"
