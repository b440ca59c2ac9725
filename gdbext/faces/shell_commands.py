# SPDX-License-Identifier: Apache-2.0
"""Runs one command in the shell: parses its words, opens its target and prints its report."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from contextlib import contextmanager
from typing import Iterator, List

from gdbext.commands import HELP, command_named
from gdbext.commands.arguments import BUILD, PARTITION, PATH, PORT, folder
from gdbext.commands.command import Argument, Command, Tool
from gdbext.commands.parsing import Declared, help_of, parsed_in_shell
from gdbext.loading import load
from gdbext.model.errors import UserError
from gdbext.model.reports.base import Report
from gdbext.model.said import Trouble
from gdbext.report.destination import told, writes_text
from gdbext.report.printable import put, say
from gdbext.report.sentences import words as words_of
from gdbext.report.style import fitted
from gdbext.source.files import FileError
from gdbext.target.target import NEEDS_GDB, Target

CORE = Argument(
    "core",
    "an ELF core: of Linux, of an emulator, saved by memtrace; of ESP-IDF also as flash image or as log text; or a "
    "log, of memtrace or of another tool, packed or not; `-` is standard input",
    {"nargs": "?", "metavar": "CORE"},
)
_MORE = Argument(
    "more",
    "further logs of the same process, in order: events go on in the next file; of listings, such as checkpoints, what "
    "changes from file to file counts, and each file's name is a mark",
    {"nargs": "*", "metavar": "MORE", "default": []},
)
_IMAGE = Argument(
    "--image",
    "raw memory at an address, gzip or plain; repeatable",
    {"action": "append", "default": [], "metavar": "BASE=FILE"},
)
_ELF = Argument("--elf", "the program: its symbols and lines", {"metavar": "FILE"})
_MEMORY = Argument(
    "--memory",
    "with --rsp: further memory that may be read; repeatable",
    {"action": "append", "default": [], "metavar": "START,END"},
)
_RUN = Argument(
    "--run",
    "of a log: this start of the program, as a number from 1 on, `last` (the default) or `all`",
    {"metavar": "N", "type": lambda text: load("target.log", "run_of")(text)},
)
_SYMBOLS = Argument(
    "--symbols",
    "of a log: a folder with programs, libraries and their debug information, by name or build-id; repeatable",
    {"action": "append", "default": [], "metavar": "DIR", "type": folder},
)
_MAPS = Argument(
    "--maps",
    "of another tool's log: where the process had loaded its files, the text of /proc/PID/maps",
    {"metavar": "FILE"},
)
_PERF_MAP = Argument(
    "--perf-map",
    "of a log: the names of code that was made at run time, as Python, Java and JavaScript write them; without it "
    "perf-PID.map beside the log, else in /tmp",
    {"metavar": "FILE"},
)
SOURCES = (CORE, _MORE, _IMAGE, _ELF, _MEMORY, _RUN, _SYMBOLS, _MAPS, _PERF_MAP, PARTITION, PATH, PORT, BUILD)


def obey(name: str, words: List[str]) -> int:
    """Runs a command and returns its exit status."""
    command: Declared = command_named(name)
    cut = words.index("--") if "--" in words else len(words)
    in_gdb = command.heading.only == "in GDB"
    if not set(HELP).isdisjoint(words[:cut]):
        sources = () if in_gdb or isinstance(command, Tool) else SOURCES
        more = command.more if isinstance(command, Tool) else f"in GDB alone: {NEEDS_GDB}" if in_gdb else ""
        text = "\n".join(filter(None, (help_of(command, f"memtrace {name}", sources), more)))
        put(fitted(text, sys.stdout), sys.stdout)
        return 0
    if in_gdb:
        raise UserError(f"{name}: {NEEDS_GDB}")
    if isinstance(command, Tool):
        if command.needs_program and not words[cut + 1 :]:  # the program's options would be taken for ours
            raise UserError(f"put -- before the program: memtrace {name} [OPTIONS] -- PROGRAM ARGUMENTS")
        return command.start(parsed_in_shell(command, words[:cut]), words[cut + 1 :])
    options = parsed_in_shell(command, words, SOURCES)
    if options.port is not None or options.build is not None:
        _take_port(options)
    if options.more and hasattr(options, "older"):
        raise UserError(f"{name} compares two: give OLDER and CORE, or two marks of one")
    if getattr(options, "older", None) is not None and options.core is None and options.rsp is None:
        options.older, options.core = None, options.older  # one file: it is the target
    if any(argument.name == "address" for argument in command.arguments):
        _sort_words(name, options)
    if command.writes and options.rsp is None and getattr(options, "pid", None) is None:
        more = " or --pid PID" if hasattr(options, "pid") else ""
        raise UserError(f"{name} asks a live target, which files are not: use it in GDB, or give --rsp HOST:PORT{more}")
    try:
        with _target(options) as target:
            for report in command.reports(target, options):
                _show(command, report, options)
    except Trouble as problem:  # a log cannot be read; whoever reads memory catches its own
        raise UserError(f"{options.core}: {words_of(problem.why)}") from None
    except FileError as problem:
        raise UserError(str(problem)) from None
    lacking = command.lacking(report)
    if lacking:
        say(f"{name}: no {lacking} could be read; the report says why")
        return 2
    return command.status(report)


def _take_port(options: Namespace) -> None:
    """Puts the port in place of a file, and the build's program where no other is named."""
    if options.port is None or options.build is None:
        raise UserError("--port PORT and --build DIR go together: the chip, and the folder of its `idf.py build`")
    if options.core is not None or options.image or options.rsp is not None:
        raise UserError("--port is the flash of a chip: leave the file, --image and --rsp out")
    options.core = options.port
    options.elf = options.elf or load("target.esp_build", "EspBuild")(options.build).program


def _show(command: Command, report: Report, options: Namespace) -> None:
    """Prints a report, or writes it to the file that the options name, which the next one may replace."""
    printed = told(report, command.text, options, sys.stdout)
    if printed is not None:
        put(fitted(printed, sys.stdout) if writes_text(options) else printed, sys.stdout)
    options.overwrite = True


def _sort_words(name: str, options: Namespace) -> None:
    """Exchanges address and core if they were given in the other order. UserError if the address is missing."""
    first, second = options.address, options.core
    if second is None:
        if os.path.exists(first) and not (options.image or options.rsp or first[:1].isdigit()):
            raise UserError(f"{first} is a file: give an address, too, as in memtrace {name} 0x20001000 {first}")
        return
    there, also = os.path.exists(first), os.path.exists(second)
    if (there and not also) or (there == also and second[:1].isdigit() and not first[:1].isdigit()):
        options.address, options.core = second, first


@contextmanager
def _target(options: Namespace) -> Iterator[Target]:
    """Yields the target that the options name: files, or a server of GDB's remote protocol."""
    heaps = getattr(options, "heap", [])
    if getattr(options, "pid", None) is not None:
        if options.core is not None or options.image or options.rsp is not None:
            raise UserError("--pid is a process of this machine: leave the file, --image and --rsp out")
        yield load("target.files", "no_target")()
        return
    if options.rsp is None:
        if options.memory:
            raise UserError("--memory names memory behind --rsp: leave it out, or add a file with --image BASE=FILE")
        wanted = load("target.files", "wanted_by")(options)
        yield load("target.files", "file_target")(
            options.core,
            options.image,
            options.elf,
            heaps,
            options.run,
            options.symbols,
            say,
            wanted,
            options.more,
            options.maps,
            options.perf_map,
        )
        return
    if options.image or options.core is not None or options.partition is not None or options.path is not None:
        raise UserError("--rsp is a live target, and a core or --image a file: give one of them")
    with load("target.rsp_shell", "rsp_target")(options.rsp, options.elf, heaps, options.memory, say) as target:
        yield target
