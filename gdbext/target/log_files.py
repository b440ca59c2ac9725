# SPDX-License-Identifier: Apache-2.0
"""Opens a file in the shell that may be a log, apart from files.py, as images need none of it."""

from __future__ import annotations

from typing import Optional, Sequence, Tuple, Union

from gdbext.loading import load
from gdbext.model.errors import UserError
from gdbext.model.said import said
from gdbext.source.files import FileError, Loaded, load_file
from gdbext.source.link import Say
from gdbext.source.log_file import LogFile, open_log
from gdbext.source.memory import Memory
from gdbext.source.snapshot import snapshot_of
from gdbext.symbols.log_symbols import LogSymbols
from gdbext.symbols.maps import code_in, loaded_files
from gdbext.target.files import ANYTHING, FileBytes, Wanted
from gdbext.target.log import GivenLog
from gdbext.target.log_program import LogProgram
from gdbext.target.target import Target
from gdbext.trace.importers import Module
from gdbext.trace.joined import JoinedLog
from gdbext.trace.opened import OpenedLog, is_known, log_in
from gdbext.trace.wish import Run

_ELF_ORDER, _MACHINE = 5, 18  # where an ELF file says them
_LARGEST_MAPS = 1 << 24  # bytes of a maps file that are looked at


def log_or_file(
    path: str,
    elf: Optional[str],
    run: Optional[Run],
    symbols: Sequence[str],
    say: Optional[Say],
    wanted: Wanted,
    more: Sequence[str] = (),
    maps: Optional[str] = None,
) -> Union[Target, Loaded]:
    """Returns a target of a log, or the bytes of what is none. `more` are files that follow it, `maps` is that of
    --maps. UserError says why a file cannot be read.
    """
    machine = 0 if elf is None else machine_in(elf)
    modules = () if maps is None else _mapped(maps, symbols, elf)
    try:
        file = opened(path, wanted, say)
        log = log_in(file, machine, modules)
        if log is None and not more:
            return file.whole()
        log = _joined([log, *(log_in(opened(other, wanted), machine, modules) for other in more)], (path, *more))
    except FileError as problem:
        raise UserError(str(problem)) from None
    if maps is not None and log.importer is None:
        raise UserError(f"--maps {maps}: a log of memtrace tells itself where files were loaded: leave it out")
    return _log_target(GivenLog(log, run or "last", LogSymbols(elf, symbols, say)), elf)


def _mapped(path: str, folders: Sequence[str], elf: Optional[str]) -> Tuple[Module, ...]:
    """Returns the loaded files that a maps file names. UserError if it names none."""
    try:
        code = code_in(bytes(load_file(path).data[:_LARGEST_MAPS]))
    except FileError as problem:
        raise UserError(f"--maps {problem}") from None
    if not code:
        raise UserError(f"--maps {path}: it has no mapping of code: give the text of the process's /proc/PID/maps")
    return tuple(
        Module(one.base, one.path, segments=one.segments)
        for one in loaded_files(code, folders, () if elf is None else (elf,))
    )


def opened(path: str, wanted: Wanted, say: Optional[Say] = None) -> LogFile:
    """Opens a file, or what is meant in the flash image that it is, or in the flash at the port that it is."""
    if wanted.build is not None:
        read: LogFile = load("target.flash_port", "on_port")(path, wanted, say)
        return read
    file = open_log(path)
    if wanted == ANYTHING and is_known(file.head):
        return file
    inner: LogFile = load("target.flash_files", "inside")(file, wanted)
    return inner


def _joined(logs: Sequence[Optional[OpenedLog]], paths: Sequence[str]) -> OpenedLog:
    """Returns one log of all. UserError if one is none, or if they do not go together."""
    found = [log for log in logs if log is not None]
    for log, path in zip(logs, paths):
        if log is None:
            raise UserError(f"{path} is no log that memtrace knows: of several files, each must be one")
        if log.format != found[0].format:
            raise UserError(
                f"{found[0].path} is of {found[0].format} and {path} of {log.format}: "
                "files that follow each other are of one kind"
            )
    if len(found) > 1 and not found[0].has_calls:
        raise UserError(f"{found[0].path} has sums of a whole run: give one file, or compare two with memtrace diff")
    return found[0] if len(found) == 1 else JoinedLog(found)


def machine_in(elf: str) -> int:
    """Returns the machine of a program, as ELF numbers it. 0: it is none."""
    try:
        with open(elf, "rb") as file:
            head = file.read(_MACHINE + 2)
    except OSError:
        return 0  # whoever opens the program says why
    return int.from_bytes(head[_MACHINE:], "big" if head[_ELF_ORDER : _ELF_ORDER + 1] == b"\2" else "little")


def _log_target(log: GivenLog, elf: Optional[str]) -> Target:
    """Makes a target of a log: it has a trace and no memory."""
    program = LogProgram(log.symbols, elf)
    nothing = FileBytes(Memory(snapshot_of(())), what="a trace", program=program)
    nothing.why_no_heaps = said("trace-alone")
    return Target(nothing, program, log=log)
