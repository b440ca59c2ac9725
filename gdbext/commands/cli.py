# SPDX-License-Identifier: Apache-2.0
"""The table of commands in the shell, over raw memory images or a live target.

Exit status of `check`: 1 if any heap is damaged, else 2 if one that was asked for is unreadable, else 0. Others: 0
or 2.
"""

from __future__ import annotations

import gzip
import sys
from argparse import Namespace
from contextlib import contextmanager
from typing import Iterator, List, Optional, Sequence, Tuple

from gdbext.analyse.check import Operation
from gdbext.analyse.watch import WatchPlan
from gdbext.commands.collect import region_named
from gdbext.commands.host import FRAGILE, NEVER_RUNS, UNKNOWN_OPERATION, Found, UserError, Watcher
from gdbext.commands.settings import Settings
from gdbext.commands.table import COMMANDS, Argument, Command, help_of, parser_of, render
from gdbext.heap.facts import Region
from gdbext.heap.registry import LARGEST_HEAP, weight_of
from gdbext.model import CheckReport, Frame, Stack
from gdbext.source.images import ImageSource
from gdbext.source.known import Known
from gdbext.source.memory import Memory, NoTarget
from gdbext.source.rsp import RspConnection, RspSource
from gdbext.source.snapshot import ByteOrder

_IMAGE = Argument(
    "--image",
    "raw memory at an address, gzip or plain; repeatable",
    {"action": "append", "default": [], "metavar": "BASE=FILE"},
)
_LARGEST_IMAGE = 1 << 30
_NEEDS_GDB = "breakpoints and watchpoints are GDB's: use this command there"


class ImageHost:
    """Raw images as the world of a command."""

    def __init__(self, images: Sequence[Tuple[int, bytes]], heaps: Sequence[str] = ()) -> None:
        self._memory = _best_memory(images, [region_named(self, text) for text in heaps])

    @classmethod
    def of_options(cls, images: Sequence[str], heaps: Sequence[str]) -> ImageHost:
        """The host for `--image BASE=FILE ... --heap ...`."""
        if not images:
            raise UserError("no memory to look at: give --image BASE=FILE or --rsp HOST:PORT")
        return cls([_load_image(text) for text in images], heaps)

    def memory(self) -> Memory:
        """The images' bytes."""
        return self._memory

    settings = Settings()

    def write(self, address: int, data: bytes) -> None:
        """Images are not written."""
        raise UserError("an image cannot be asked: this needs a live target in GDB")

    def keep_plan(self, plan: WatchPlan) -> None:
        """Nothing runs again here."""

    @property
    def watcher(self) -> Watcher:
        """Nothing runs here."""
        raise UserError(_NEEDS_GDB)

    def facts(self) -> Tuple[str, ...]:
        """Images say nothing of a program."""
        return ("images no symbols: addresses are shown as they are",)

    def build_id(self) -> Optional[str]:
        """There is no program."""
        return None

    def find_heaps(self) -> Found:
        """Nothing leads to heaps without symbols."""
        return Found([], [])

    def find_ring(self) -> Optional[int]:
        """Nothing leads to the ring without symbols."""
        return None

    @staticmethod
    def frames(pcs: Tuple[int, ...]) -> Stack:
        """Without symbols a frame is its PC."""
        return tuple(Frame(pc) for pc in pcs)

    at_assertion = False

    def operation(self) -> Operation:
        """An image does not say what its target was doing."""
        return Operation()

    def address(self, text: str) -> int:
        """0x... or decimal."""
        try:
            return int(text, 0)
        except ValueError:
            raise UserError(f"{text} is not an address: give 0x... or a decimal number") from None


class RspHost(ImageHost):
    """A live target as the world of a command, by the remote protocol. What is named is known memory, nothing else."""

    def __init__(self, address: str, heaps: Sequence[str]) -> None:
        self._connection = RspConnection(address)
        regions = [region_named(self, text) for text in heaps]
        formats = (self._in_format(width, order, regions) for width, order in _FORMATS)
        fits = (memory for memory in formats if any(weight_of(memory, region) for region in regions))
        self._memory = next(fits, None) or self._in_format(*_FORMATS[0], regions)

    def _in_format(self, width: int, order: ByteOrder, regions: Sequence[Region]) -> Memory:
        source, fragile = RspSource(self._connection, width, order), self._connection.stub.kind == "chip"
        known = Known((region.address, region.address + LARGEST_HEAP) for region in regions)
        return Memory(source, _say, known, fragile=fragile)

    def close(self) -> None:
        """Lets the target go."""
        self._connection.close()

    def write(self, address: int, data: bytes) -> None:
        """Writes to the live target."""
        if self._memory.fragile:
            raise UserError(NEVER_RUNS)
        if not RspSource(self._connection).write(address, data):
            raise UserError(f"{address:#x} cannot be written")

    def facts(self) -> Tuple[str, ...]:
        """Who is on the other side."""
        fragile = (f"link   {FRAGILE}",) if self._memory.fragile else ()
        return (f"link   {self._connection.describe()}", *fragile)

    def operation(self) -> Operation:
        """There are no frames."""
        self._memory.remark(UNKNOWN_OPERATION)
        return Operation()


def _say(text: str) -> None:
    """A line for the user, at once: progress and costs."""
    print(f"memtrace: {text}", file=sys.stderr, flush=True)


@contextmanager
def _host_of(options: Namespace) -> Iterator[ImageHost]:
    """The world that the options name."""
    heaps = getattr(options, "heap", [])
    if options.rsp is None:
        yield ImageHost.of_options(options.image, heaps)
        return
    if options.image:
        raise UserError("--rsp and --image name two different memories: give one of them")
    host = RspHost(options.rsp, heaps)
    try:
        yield host
    finally:
        host.close()


_FORMATS: Tuple[Tuple[int, ByteOrder], ...] = ((4, "little"), (8, "little"), (4, "big"), (8, "big"))


def _best_memory(images: Sequence[Tuple[int, bytes]], regions: Sequence[Region]) -> Memory:
    """Bytes do not say how wide a pointer is, nor its byte order: the format in which most of the heaps are read."""
    tried = [Memory(ImageSource(images, width, order)) for width, order in _FORMATS]
    return max(tried, key=lambda memory: sum(weight_of(memory, region) for region in regions))


def _load_image(text: str) -> Tuple[int, bytes]:
    base, equals, path = text.partition("=")
    try:
        address = int(base, 0)
    except ValueError:
        equals = ""
    if not equals:
        raise UserError(f"--image {text}: give BASE=FILE, the base as 0x... or a decimal number")
    try:
        with open(path, "rb") as file:
            data = file.read(_LARGEST_IMAGE)
        return address, gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    except (OSError, EOFError) as problem:
        raise UserError(f"--image {text}: {problem}") from None


def _status(report: object) -> int:
    if not isinstance(report, CheckReport):
        return 0
    states = [heap.status for heap in report.heaps]
    return 1 if "damaged" in states else 2 if "unreadable" in states or not states else 0


def _usage() -> str:
    lines = [f"  memtrace {command.name:<10} {command.summary}" for command in COMMANDS]
    usage = "usage: memtrace COMMAND (--image BASE=FILE ... | --rsp HOST:PORT) [--heap KIND@ADDRESS] ..."
    return "\n".join([usage, *lines])


def _run(command: Command, words: List[str]) -> int:
    prog = f"memtrace {command.name}"
    parser = parser_of(command, prog, _IMAGE)
    options: Namespace = parser.parse_args(words)
    if command.gdb_only:
        raise UserError(_NEEDS_GDB)
    if command.writes and options.rsp is None:
        raise UserError(
            f"{command.name} asks a live target, which images are not: use it in GDB, or give --rsp HOST:PORT"
        )
    with _host_of(options) as host:
        report = command.run(host, options)
    print(render(command, report, options))
    return _status(report)


def main(arguments: Optional[List[str]] = None) -> int:
    """The shell's entry point: exit status as documented above."""
    words = sys.argv[1:] if arguments is None else arguments
    command = next((command for command in COMMANDS if words[:1] == [command.name]), None)
    if command is None:
        print(_usage(), file=sys.stderr)
        return 0 if words[:1] == ["--help"] else 2
    if "--help" in words:
        print(help_of(command, f"memtrace {command.name}", _IMAGE))
        return 0
    try:
        return _run(command, words[1:])
    except (UserError, NoTarget) as problem:
        print(f"memtrace: {problem}", file=sys.stderr)
        return 2
