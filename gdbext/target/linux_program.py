# SPDX-License-Identifier: Apache-2.0
"""What a command line starts on Linux, and whether the recorder can be loaded into it.

Approach: the program's file is looked at before it is started. A script leads to its interpreter, and an ELF file says
its machine and its loader. What LD_PRELOAD cannot reach is refused in one line: the loader itself would start the
program and say little or nothing.
Rejected: starting it to see (without a log it looks like a program that does not allocate); `ldd` (it may run the
program).
Cost: a few reads of each file.
Assumptions: what is wrong in a file that cannot be read is the kernel's to say.
"""

from __future__ import annotations

import os
import shlex
import shutil
import stat
import struct
from typing import BinaryIO, List, NamedTuple, Optional, Sequence

from gdbext.model.errors import UserError
from gdbext.model.machine import machine_of

_HEAD_BYTES = 64
_LINE_BYTES = 256  # of a script's first line, which the kernel reads
_MOST_SCRIPTS = 4  # that lead to each other, as in the kernel
_MOST_SEGMENTS = 256
_INTERPRETER = 3  # type of a segment
_GLIBC, _MUSL = "glibc", "musl"
_LIBRARIES = {
    _GLIBC: (b"\0libc.so.6\0",),
    _MUSL: (b"\0libc.so\0", b"\0libc.musl-"),
}  # what a file of each is linked with
_LOADERS = {_GLIBC: ("ld-linux", "ld64.so"), _MUSL: ("ld-musl",)}  # the beginnings of its names
_CAPABILITIES = "security.capability"


class Started(NamedTuple):
    """What the kernel is given: the file, and the words that the program sees."""

    path: str
    words: List[str]


class Elf(NamedTuple):
    """What an ELF file says of where it runs."""

    machine: int
    word: int  # bytes of an address
    loader: Optional[str]  # None: nothing is loaded into it

    @property
    def name(self) -> str:
        """The machine, for people."""
        row = machine_of(self.machine, self.word)
        return f"{8 * self.word}-bit {row.name if row else f'machine {self.machine}'}"


def started(words: Sequence[str]) -> Started:
    """Finds the program that a command line starts. A script is led to its interpreter, as the kernel does it."""
    path, given = _found(words[0]), list(words)
    for _ in range(_MOST_SCRIPTS):
        line = _script_line(path)
        if line is None:
            return Started(path, given)
        interpreter = _interpreter(line, path)
        given = [*interpreter, path, *given[1:]]
        path = _found(interpreter[0], f"{path}: its interpreter ")
    raise UserError(f"{words[0]} is a script of a script of a script: name the program itself")


def check_program(path: str, library: str) -> None:
    """Raises UserError if the recorder cannot be loaded into a program."""
    elf, recorder = elf_of(path), elf_of(library)
    if elf is None:
        raise UserError(f"{path} is no program and has no #! line: name what runs it, as in memtrace run -- sh {path}")
    if recorder is None:
        raise UserError(f"{library} is no ELF file: --library is the recorder, a libmemtrace.so")
    if elf[:2] != recorder[:2]:
        raise UserError(
            f"{path} is a {elf.name} program, and the recorder is {recorder.name}: build one for it "
            f"(make -C c_helpers/linux CC=...) and name it with --library"
        )
    if elf.loader is None:
        raise UserError(f"{path} is linked statically, and nothing can be loaded into it: link it without -static")
    _check_libc(path, elf.loader, library)
    _check_rights(path)


def elf_of(path: str) -> Optional[Elf]:
    """Reads an ELF file's head. None if it is none, or cannot be read."""
    try:
        with open(path, "rb") as file:
            return _elf_in(file)
    except (OSError, struct.error):
        return None


def _elf_in(file: BinaryIO) -> Optional[Elf]:
    head = file.read(_HEAD_BYTES)
    if head[:4] != b"\x7fELF":
        return None
    wide, mark = head[4] == 2, ">" if head[5] == 2 else "<"
    (machine,) = struct.unpack_from(f"{mark}H", head, 18)
    (table,) = struct.unpack_from(f"{mark}{'Q' if wide else 'I'}", head, 32 if wide else 28)
    size, count = struct.unpack_from(f"{mark}HH", head, 54 if wide else 42)
    shape, places = ("IIQQQQ", (2, 5)) if wide else ("IIIII", (1, 4))
    for number in range(min(count, _MOST_SEGMENTS)):
        file.seek(table + number * size)
        row = struct.unpack_from(f"{mark}{shape}", file.read(struct.calcsize(f"={shape}")))
        if row[0] == _INTERPRETER:
            file.seek(row[places[0]])
            loader = file.read(min(row[places[1]], _LINE_BYTES)).split(b"\0")[0]
            return Elf(machine, 8 if wide else 4, os.fsdecode(loader))
    return Elf(machine, 8 if wide else 4, None)


def _found(name: str, what: str = "") -> str:
    """Returns the path of a program that is named as a shell takes it."""
    path = shutil.which(name)
    if path is not None:
        return path
    if "/" not in name:
        raise UserError(f"{what}{name}: no such program on PATH")
    if not os.path.exists(name):
        raise UserError(f"{what}{name}: no such file")
    raise UserError(f"{what}{name} " + ("is a folder" if os.path.isdir(name) else "may not be executed: chmod +x"))


def _script_line(path: str) -> Optional[str]:
    try:
        with open(path, "rb") as file:
            line = file.readline(_LINE_BYTES)
    except OSError:
        return None
    return os.fsdecode(line[2:]).strip() if line[:2] == b"#!" else None


def _interpreter(line: str, path: str) -> List[str]:
    """Returns the words before the script's name. `env` is left out where it does nothing but look for a program: it
    would be a process of its own, with a log of its own.
    """
    words = line.split(None, 1)
    if not words:
        raise UserError(f"{path}: its first line #! names no interpreter")
    if os.path.basename(words[0]) != "env" or len(words) == 1:
        return words
    rest = words[1][2:].strip() if words[1].startswith("-S") else words[1]
    wanted = shlex.split(rest) if words[1].startswith("-S") else [rest]
    return words if not wanted or wanted[0].startswith("-") or "=" in wanted[0] else wanted


def _check_libc(path: str, loader: str, library: str) -> None:
    """The loader of one C library leaves out what is linked with another, or ends the program."""
    try:
        with open(library, "rb") as file:
            data = file.read()
    except OSError as problem:
        raise UserError(f"{library}: {problem.strerror}") from None
    recorders = next((libc for libc, names in _LIBRARIES.items() if any(name in data for name in names)), None)
    programs = next((libc for libc, names in _LOADERS.items() if os.path.basename(loader).startswith(names)), None)
    if recorders and programs and recorders != programs:
        how = "make -C c_helpers/linux" + (" musl" if programs == _MUSL else "")
        raise UserError(
            f"{path} runs on {programs}, and the recorder is for {recorders}: build one ({how}) and name it "
            "with --library"
        )


def _check_rights(path: str) -> None:
    """The kernel takes LD_PRELOAD from a program that gets rights which its user does not have."""
    status = os.stat(path)
    other = bool(status.st_mode & stat.S_ISUID) and status.st_uid != os.getuid()
    other = other or (bool(status.st_mode & stat.S_ISGID) and status.st_gid != os.getgid())
    if other or (os.getuid() != 0 and _has_capabilities(path)):
        raise UserError(f"{path} gets rights of its own (setuid, or capabilities): run it as that user, or as a copy")


def _has_capabilities(path: str) -> bool:
    try:
        return bool(os.getxattr(path, _CAPABILITIES))
    except OSError:
        return False
