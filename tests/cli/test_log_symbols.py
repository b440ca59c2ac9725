# SPDX-License-Identifier: Apache-2.0
"""The names in the reports of a log: by --elf, by loaded files, and what is said where there are none."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import shell
from tests.support.elf_ids import build_id, return_addresses
from tests.support.log import Log
from tests.support.paths import SHARED, require

SOURCE = """
extern void *outer(unsigned long);
void *make_list(unsigned long n) { void *p = outer(n); __asm__(""); return p; }
"""
BASE, BLOCK = 0x7F00_0000_0000, 0x5000_1000
COMMANDS = ("leaks", "blocks", "log", "last", "report")


def library(folder: Path) -> Path:
    (folder / "list.c").write_text(SOURCE)
    line = ["gcc", "-g", "-O1", "-shared", "-fPIC", "-fcf-protection=none", "-Wl,--build-id", "list.c"]
    subprocess.run([*line, "-o", "liblist.so"], cwd=folder, check=True)
    return folder / "liblist.so"


def log_of(path: Path, build: str, pc: int) -> Path:
    """The log of a process that had loaded this file and holds a block that was allocated there."""
    log = Log(pointer_size=8)
    log.module(BASE, build, str(path))
    log.stack(1, BASE + pc)
    log.event("alloc", BLOCK, 64, stack=1)
    file = path.parent / "MEMTRACE.LOG"
    file.write_bytes(log.data)
    return file


def asked(command: str, log: Path, *more: object) -> Any:
    address = [hex(BLOCK)] if command == "last" else []
    return shell(command, *address, log, *more)


def frames(report: Any) -> list[Any]:
    """Every frame in a report."""
    if isinstance(report, dict):
        return [report] if report.keys() >= {"pc", "function", "line"} else frames(list(report.values()))
    return [frame for part in report for frame in frames(part)] if isinstance(report, list) else []


def said_of_symbols(report: Any) -> str:
    return " ".join(one["why"] for one in report["skipped"] if one["check"] == "symbols")


@pytest.mark.parametrize("command", COMMANDS)
def test_loaded_files_name_addresses(command: str, tmp_path: Path) -> None:
    file = library(tmp_path)
    pc = return_addresses(file)["make_list"]
    report = asked(command, log_of(file, build_id(file), pc))
    assert {(one["function"], one["file"], one["line"]) for one in frames(report)} == {("make_list", "list.c", 3)}
    assert said_of_symbols(report) == ""


@pytest.mark.parametrize("command", COMMANDS)
def test_a_file_that_was_replaced_is_said_to_be_missing(command: str, tmp_path: Path) -> None:
    """What is at its path now has another build-id; --symbols has the right one."""
    file = library(tmp_path)
    pc, build = return_addresses(file)["make_list"], build_id(file)
    (tmp_path / "old").mkdir()
    file.rename(tmp_path / "old" / build)
    subprocess.run(["gcc", "-shared", "-Wl,--build-id", "-o", file, "-x", "c", "/dev/null"], check=True)
    log = log_of(file, build, pc)
    report = asked(command, log)
    assert {one["function"] for one in frames(report)} == {f"liblist.so+{pc:#x}"}
    assert "liblist.so" in said_of_symbols(report) and "--symbols" in said_of_symbols(report)
    assert {one["function"] for one in frames(asked(command, log, "--symbols", tmp_path / "old"))} == {"make_list"}


@pytest.mark.parametrize("command", ["leaks", "blocks", "log", "report"])
def test_the_program_of_another_log_is_said_to_be_that(command: str, tmp_path: Path) -> None:
    report = asked(command, require(SHARED / "fixtures/logs/media_lib/ml-leaky-rv.log"), "--elf", library(tmp_path))
    assert {one["function"] for one in frames(report)} == {None}
    assert "give the right --elf" in said_of_symbols(report)
