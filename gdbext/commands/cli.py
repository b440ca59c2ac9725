# SPDX-License-Identifier: Apache-2.0
"""The table of commands in the shell, over cores, raw memory images or a live target.

Exit status of `check`: 1 if any heap is damaged, else 2 if one that was asked for is unreadable, else 0. Others: 0
or 2.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from contextlib import contextmanager
from typing import Iterator, List, Optional, Sequence, Tuple

from gdbext import package
from gdbext.analyse.check import Operation
from gdbext.analyse.watch import WatchPlan
from gdbext.commands.collect import newest_ring, region_named
from gdbext.commands.dumps import (
    WITHOUT_HEAPS,
    Dump,
    dump_facts,
    foreign_program,
    load_images,
    of_esp_idf,
    open_dump,
    open_program,
    operation_of,
    panic_of,
)
from gdbext.commands.host import (
    NO_REGISTERS,
    Live,
    UserError,
    Watcher,
    World,
    found_in_file,
    found_saved,
    threads_named,
)
from gdbext.commands.launch import LAUNCH, launch
from gdbext.commands.settings import Settings
from gdbext.commands.table import COMMANDS, Argument, Command, help_of, render, shell_parser_of
from gdbext.heap.allocator import DECISIVE, Named
from gdbext.heap.names import without_allocator
from gdbext.heap.region import Region
from gdbext.heap.registry import weight_of
from gdbext.heap.search import search_file
from gdbext.kernel.freertos import Tasks, read_tasks
from gdbext.model import CheckReport, Frame, Skipped, Stack
from gdbext.report.printable import put, say, text_of
from gdbext.source.images import ImageSource
from gdbext.source.memory import Memory, NoTarget
from gdbext.source.registers import machine_of, threads_of
from gdbext.source.snapshot import ByteOrder
from gdbext.symbols.elf_file import ElfFile
from gdbext.symbols.elf_symbols import ElfSymbols
from gdbext.symbols.shapes import Program
from gdbext.trace.ring import search_rings

_CORE = Argument(
    "core",
    "an ELF core: of Linux, of an emulator, saved by memtrace; of ESP-IDF also as flash image or as log text",
    {"nargs": "?", "metavar": "CORE"},
)
_IMAGE = Argument(
    "--image",
    "raw memory at an address, gzip or plain; repeatable",
    {"action": "append", "default": [], "metavar": "BASE=FILE"},
)
_ELF = Argument("--elf", "the program: its symbols and lines", {"metavar": "FILE"})
_OURS = (_CORE, _IMAGE, _ELF)
_NEEDS_GDB = "breakpoints, watchpoints and registers are GDB's: use this command there"


class ImageHost:
    """Raw images, a core, or both as the world of a command."""

    def __init__(
        self,
        images: Sequence[Tuple[int, bytes]],
        heaps: Sequence[str] = (),
        dump: Optional[Dump] = None,
        program: Optional[ElfFile] = None,
    ) -> None:
        self._dump, self._program = dump, program
        self._symbols = None if program is None else ElfSymbols(program)
        regions = [region_named(self, text) for text in heaps]
        self._memory = _memory_of(images, regions, dump, program)
        self._memory.standing += dump.remarks if dump is not None else ()
        foreign = foreign_program(dump, program) if dump is not None and program is not None else None
        self._memory.standing += [foreign] if foreign is not None else []

    @classmethod
    def of_options(cls, options: Namespace) -> ImageHost:
        """The host for `CORE --image BASE=FILE ... --elf FILE --heap ...`."""
        if options.core is None and not options.image:
            raise UserError("no memory to look at: give a core, --image BASE=FILE or --rsp HOST:PORT")
        images = load_images(options.image)
        dump = None if options.core is None else open_dump(options.core, images)
        program = None if options.elf is None else open_program(options.elf, dump)
        host = cls([image[:2] for image in images], getattr(options, "heap", []), dump, program)
        host._memory.standing += [remark for image in images for remark in image.remarks]
        return host

    def memory(self) -> Memory:
        """The files' bytes."""
        return self._memory

    settings = Settings()

    def write(self, address: int, data: bytes) -> None:
        """Files are not written."""
        raise UserError("an image cannot be asked: this needs a live target in GDB")

    def live(self) -> Live:
        """Files are saved already."""
        raise UserError("this is a file already: only a target in GDB is saved")

    def roots(self) -> World:
        """What the program writes to; without it, all that the files hold. Threads of a core."""
        sections = [] if self._program is None else self._program.writable()
        there = [(name, start, end) for name, start, end in sections if self._memory.may_read(start, start + 1)]
        absent = [section for section in sections if section not in there]
        whole = [("memory", start, end) for start, end in self._memory.ranges()]
        skipped = [Skipped("scan", NO_REGISTERS)]
        if self._dump is None:
            return World(there or whole, [], skipped, absent)
        threads = threads_of(self._dump.core)
        machine = machine_of(self._dump.core.machine, self._dump.core.pointer_size)
        return World(there or whole, threads_named(machine, threads), [] if threads else skipped, absent)

    def tasks(self) -> Tasks:
        """The tasks of the program's kernel, by its own lists."""
        return Tasks() if self._symbols is None else read_tasks(self._memory, self._symbols)

    def name_at(self, address: int) -> Optional[str]:
        """The variable or function at an address, with the offset in it."""
        return None if self._program is None else self._program.name_at(address)

    def keep_plan(self, plan: WatchPlan) -> None:
        """Nothing runs again here."""

    @property
    def watcher(self) -> Watcher:
        """Nothing runs here."""
        raise UserError(_NEEDS_GDB)

    def facts(self) -> Tuple[str, ...]:
        """What the core says of itself, and whose symbols are used."""
        core = () if self._dump is None else dump_facts(self._dump)
        if self._program is None or self._symbols is None:
            return (*core, "symbols none: addresses are shown as they are; --elf APP.elf names the program")
        lines = "" if self._symbols.has_lines else ": no debug information: functions are shown without lines"
        return (*core, f"symbols {self._program.path}{lines}")

    @property
    def program(self) -> Optional[Program]:
        """What `--elf` names."""
        return self._symbols

    def build_id(self) -> Optional[str]:
        """The program's build-id."""
        return None if self._program is None else self._program.build_id

    def find_heaps(self) -> Named:
        """The heaps known when the core was saved, else those that symbols lead to, else those that show themselves."""
        saved = None if self._dump is None else self._dump.saved
        if saved is not None:
            return found_saved(saved)
        found = found_in_file(self._memory, self._symbols)
        if not found.regions and self._dump is not None and of_esp_idf(self._dump):
            found.problems.append(WITHOUT_HEAPS)
        return found

    def find_ring(self) -> Optional[int]:
        """What memtrace_ring points to, or what a saved core says; else by its magic."""
        symbol = None if self._program is None else self._program.address_of("memtrace_ring")
        told = None if symbol is None else self._memory.word(symbol)
        if told is None and self._dump is not None and self._dump.saved is not None:
            told = self._dump.saved.ring
        if told is None:
            told = newest_ring(self._memory)
        if told is None:
            raise UserError("no ring was found by its magic; has memtrace_init run? name it with --ring")
        return told

    @property
    def at_assertion(self) -> bool:
        """Whether the core was made by an assertion, and says so."""
        return self._dump is not None and panic_of(self._dump) is not None

    def frames(self, pcs: Tuple[int, ...]) -> Stack:
        """A recorded stack without the allocator's own frames; without symbols a frame is its PC."""
        if self._symbols is None:
            return tuple(Frame(pc) for pc in pcs)
        return without_allocator(self._symbols.frames(pcs))

    def operation(self) -> Operation:
        """What the target was doing, as far as a core tells."""
        return operation_of(self._dump, self._program)

    def address(self, text: str) -> int:
        """0x... or decimal."""
        try:
            return int(text, 0)
        except ValueError:
            raise UserError(f"{text} is not an address: give 0x... or a decimal number") from None


@contextmanager
def _host_of(options: Namespace) -> Iterator[ImageHost]:
    """The world that the options name."""
    if options.rsp is None:
        yield ImageHost.of_options(options)
        return
    if options.image or options.core is not None:
        raise UserError("--rsp is a live target, and a core or --image a file: give one of them")
    from gdbext.commands.cli_rsp import RspHost  # it is an ImageHost, and needs this module

    host = RspHost(options)
    try:
        yield host
    finally:
        host.close()


def _memory_of(
    images: Sequence[Tuple[int, bytes]], regions: Sequence[Region], dump: Optional[Dump], program: Optional[ElfFile]
) -> Memory:
    """The files as a memory in the word format that the core or the program tells, or that fits best."""
    if dump is not None:
        return Memory(dump.source)
    if program is not None:
        return Memory(ImageSource([*program.constants(), *images], program.pointer_size, program.byte_order))
    return _best_memory(images, regions)


FORMATS: Tuple[Tuple[int, ByteOrder], ...] = ((4, "little"), (8, "little"), (4, "big"), (8, "big"))


def _best_memory(images: Sequence[Tuple[int, bytes]], regions: Sequence[Region]) -> Memory:
    """Bytes do not say how wide a pointer is, nor its byte order: the format in which most of the heaps are read.

    Where none is named, the first in which some are found.
    """
    tried = [Memory(ImageSource(images, width, order)) for width, order in FORMATS]
    if not regions:
        return _first_with_heaps(tried)
    best, most = None, 0
    for memory in tried:
        weight = sum(weight_of(memory, region) for region in regions)
        best, most = (memory, weight) if weight > most else (best, most)
        if most >= DECISIVE * len(regions):
            break
    return best or _first_with_rings(tried)


def _first_with_heaps(tried: Sequence[Memory]) -> Memory:
    found = (memory for memory in tried if search_file(memory).regions)
    return next(found, None) or _first_with_rings(tried)


def _first_with_rings(tried: Sequence[Memory]) -> Memory:
    """A ring says its format."""
    rings = search_rings(tried[0]).found
    told = [(rings[0].pointer_size, rings[0].byte_order)] if rings else FORMATS[:1]
    return tried[FORMATS.index(told[0])]


def _status(report: object) -> int:
    if not isinstance(report, CheckReport):
        return 0
    states = [heap.status for heap in report.heaps]
    unknown = "unreadable" in states or not states or report.cost.interrupted
    return 1 if "damaged" in states else 2 if unknown else 0


_OFFERED = tuple(command for command in COMMANDS if not command.live)


def _usage() -> str:
    lines = [f"  memtrace {command.name:<10} {command.summary}" for command in (*_OFFERED, LAUNCH)]
    sources = "([CORE] [--image BASE=FILE ...] | --rsp HOST:PORT)"
    usage = f"usage: memtrace COMMAND {sources} [--elf APP.elf] [--heap KIND@ADDRESS] ..."
    about = "       memtrace --version | --paths [NAME]"
    return "\n".join([usage, about, *lines])


def _run(command: Command, words: List[str]) -> int:
    options: Namespace = shell_parser_of(command, *_OURS).parse_intermixed_args(words)
    if command.writes and options.rsp is None:
        raise UserError(
            f"{command.name} asks a live target, which files are not: use it in GDB, or give --rsp HOST:PORT"
        )
    with _host_of(options) as host:
        report = command.run(host, options)
    put(render(command, report, options), sys.stdout)
    return _status(report)


def _about(words: List[str]) -> List[str]:
    """What `--version` and `--paths` print."""
    return [package.version()] if words[0] == "--version" else _paths(words[1:])


def _paths(names: List[str]) -> List[str]:
    """Where memtrace's own files are: all of them with their names, or one alone, for another program's line."""
    known = package.paths()
    if not names:
        return [f"{name:<12} {path}" for name, path in known.items()]
    if len(names) > 1 or names[0] not in known:
        raise UserError(f"--paths takes one name, or none: {', '.join(known)}")
    return [str(known[names[0]])]


def _obey(words: List[str]) -> int:
    if words[:1] == [LAUNCH.name]:
        return launch(words[1:])
    if words[:1] in (["--version"], ["--paths"]):
        put(text_of(_about(words)), sys.stdout)
        return 0
    command = next((command for command in COMMANDS if words[:1] == [command.name]), None)
    if command is not None and command.live:
        raise UserError(f"{words[0]}: {_NEEDS_GDB}")
    if command is None and words and words[0] != "--help":
        raise UserError(f"{words[0]} is no command; see `memtrace --help`")
    if command is None:
        put(_usage(), sys.stderr)
        return 0 if words else 2
    if "--help" in words:
        put(help_of(command, f"memtrace {command.name}", *_OURS), sys.stdout)
        return 0
    return _run(command, words[1:])


def main(arguments: Optional[List[str]] = None) -> int:
    """The shell's entry point: exit status as documented above."""
    try:
        return _obey(sys.argv[1:] if arguments is None else arguments)
    except (UserError, NoTarget) as problem:
        say(str(problem))
        return 2
