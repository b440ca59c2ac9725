# SPDX-License-Identifier: Apache-2.0
"""Opens a file in the shell that may be a log, apart from files.py, as images need none of it."""

from __future__ import annotations

from typing import List, Optional, Sequence, Tuple, Union

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
from gdbext.symbols.perf_map import PerfMap, map_of
from gdbext.target.files import ANYTHING, FileBytes, Wanted
from gdbext.target.log import GivenLog
from gdbext.target.log_program import LogProgram
from gdbext.target.target import Target
from gdbext.trace.importers import Module
from gdbext.trace.joined import JoinedLog
from gdbext.trace.opened import OpenedLog, is_known, log_in
from gdbext.trace.processes import are_processes, tree_of
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
    perf_map: Optional[str] = None,
) -> Union[Target, Loaded]:
    """Returns a target of a log, or the bytes of what is none. `more` are files that follow it, `maps` is that of
    --maps, `perf_map` that of --perf-map. UserError says why a file cannot be read.
    """
    machine = 0 if elf is None else machine_in(elf)
    modules = () if maps is None else _mapped(maps, symbols, elf)
    try:
        file = opened(path, wanted, say)
        log = log_in(file, machine, modules)
        if log is None and not more:
            return file.whole()
        logs = _of_one_kind([log, *(log_in(opened(other, wanted), machine, modules) for other in more)], (path, *more))
        processes = tree_of(logs) if len(logs) > 1 and are_processes(logs) else []
        log = processes[0].log if processes else _joined(logs)
    except FileError as problem:
        raise UserError(str(problem)) from None
    if maps is not None and log.importer is None:
        raise UserError(f"--maps {maps}: a log of memtrace tells itself where files were loaded: leave it out")
    names = LogSymbols(elf, symbols, say)
    names.made = _made(log, perf_map)
    return _log_target(GivenLog(log, run or "last", names, processes), elf)


def _made(log: OpenedLog, path: Optional[str]) -> Optional[PerfMap]:
    """Returns the names of code that a process has made at run time; None if there are none. UserError if the file that
    is named cannot be read.
    """
    header = None if path is not None or log.importer is not None else log.header
    found = path if header is None else map_of(log.path, header.process, header.started)
    if found is None:
        return None
    try:
        made = PerfMap(found)
    except FileError as problem:
        raise UserError(f"--perf-map {problem}" if path is not None else str(problem)) from None
    if path is not None and not len(made):
        raise UserError(f"--perf-map {path}: it has no line START SIZE NAME, as /tmp/perf-PID.map has")
    return made


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


def _of_one_kind(logs: Sequence[Optional[OpenedLog]], paths: Sequence[str]) -> List[OpenedLog]:
    """Returns the logs. UserError if one is none, or if they do not go together."""
    found = [log for log in logs if log is not None]
    for log, path in zip(logs, paths):
        if log is None:
            raise UserError(f"{path} is no log that memtrace knows: of several files, each must be one")
        if log.format != found[0].format:
            raise UserError(
                f"{found[0].path} is of {found[0].format} and {path} of {log.format}: "
                "files that follow each other are of one kind"
            )
    return found


def _joined(logs: Sequence[OpenedLog]) -> OpenedLog:
    """Returns one log of all. UserError if they have no events."""
    if len(logs) > 1 and not logs[0].has_calls:
        raise UserError(f"{logs[0].path} has sums of a whole run: give one file, or compare two with memtrace diff")
    return logs[0] if len(logs) == 1 else JoinedLog(logs)


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
