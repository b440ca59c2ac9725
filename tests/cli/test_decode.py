# SPDX-License-Identifier: Apache-2.0
"""memtrace decode: the text passes, and names stand below its addresses."""

from __future__ import annotations

import gzip
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.console import log_bytes, manifest
from tests.support.panic_program import CALLS, panic
from tests.support.paths import ROOT

MARK = b"--- "


def decode(data: bytes, *words: str) -> bytes:
    line = [sys.executable, "-m", "gdbext", "decode", *words]
    done = subprocess.run(line, cwd=ROOT, input=data, capture_output=True, timeout=300, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout


def without_names(data: bytes) -> bytes:
    return b"".join(line for line in data.splitlines(keepends=True) if not line.startswith(MARK))


@pytest.fixture(scope="module")
def elf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("elf") / "app.elf"
    path.write_bytes(panic().elf)
    return path


def test_what_passes_is_what_came() -> None:
    plain = [name for name in manifest() if not re.search(rb"^--- ", log_bytes(name), re.MULTILINE)]
    data = b"".join(log_bytes(name) for name in plain)
    assert without_names(decode(data)) == data


def test_a_crash_without_a_backtrace_gets_one(elf: Path) -> None:
    out = decode(panic().text, "--elf", str(elf))
    assert without_names(out) == panic().text
    names = re.findall(rb"--- (?:0x[0-9a-f]{8}: |\(inlined by\) )(\w+) at main\.c:\d+", out)
    counter, backtrace = [b"peek", b"leaf", b"middle"], [b"peek", *[name.encode() for name in CALLS]]
    assert names == counter + backtrace
    assert b"--- backtrace, made from" in out


def test_another_build_names_nothing(elf: Path) -> None:
    text = re.sub(rb"SHA256: [0-9a-f]{9}", b"SHA256: 0123456789abcdef", panic().text)
    lines = [line for line in decode(text, "--elf", str(elf)).splitlines() if line.startswith(MARK)]
    assert len(lines) == 1
    assert re.search(
        rb"app\.elf is another build: its SHA-256 begins [0-9a-f]{16}, the log tells 0123456789abcdef", lines[0]
    )


def test_a_folder_of_builds_has_the_right_one(elf: Path) -> None:
    assert decode(panic().text, "--symbols", str(elf.parent)) == decode(panic().text, "--elf", str(elf))


def test_without_a_program_it_says_once_which_one_it_wants() -> None:
    lines = [line for line in decode(log_bytes("c003") * 3).splitlines() if line.startswith(MARK)]
    assert lines == [b"--- names need the program: --elf with the ELF file whose SHA-256 begins with 0956877e3"]


def test_a_log_without_a_sum_is_named_with_a_remark(elf: Path) -> None:
    text = re.sub(rb"ELF file SHA256.*", b"", panic().text)
    out = decode(text, "--elf", str(elf))
    assert b"--- the log does not tell its build" in out
    assert b"leaf at main.c" in out


def test_a_packed_file_and_utf_16_are_read(elf: Path, tmp_path: Path) -> None:
    packed, wide = tmp_path / "log.gz", tmp_path / "wide.txt"
    packed.write_bytes(gzip.compress(panic().text))
    wide.write_bytes(panic().text.decode().encode("utf-16"))
    expected = decode(panic().text, "--elf", str(elf))
    assert decode(b"", str(packed), "--elf", str(elf)) == expected
    assert decode(b"", str(wide), "--elf", str(elf)).lstrip(b"\xef\xbb\xbf") == expected
