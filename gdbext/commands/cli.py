# SPDX-License-Identifier: Apache-2.0
"""The table of commands in the shell, over raw memory images.

Exit status of `check`: 1 if any heap is damaged, else 2 if one that was asked for is unreadable, else 0. Others: 0
or 2.
"""

from __future__ import annotations

import gzip
import sys
from argparse import Namespace
from typing import List, Optional, Sequence, Tuple

from gdbext.analyse.check import Operation
from gdbext.commands.collect import region_named
from gdbext.commands.host import Found, UserError
from gdbext.commands.settings import Settings
from gdbext.commands.table import COMMANDS, Argument, Command, help_of, parser_of, render
from gdbext.heap.facts import Region
from gdbext.heap.registry import weight_of
from gdbext.model import CheckReport, Frame, Stack
from gdbext.source.images import ImageSource
from gdbext.source.memory import Memory
from gdbext.source.snapshot import ByteOrder

_IMAGE = Argument(
    "--image",
    "raw memory at an address, gzip or plain; repeatable",
    {"action": "append", "default": [], "metavar": "BASE=FILE"},
)
_LARGEST_IMAGE = 1 << 30
_OFFLINE = tuple(command for command in COMMANDS if not command.writes)


class ImageHost:
    """Raw images as the world of a command."""

    def __init__(self, images: Sequence[Tuple[int, bytes]], heaps: Sequence[str] = ()) -> None:
        self._memory = _best_memory(images, [region_named(self, text) for text in heaps])

    @classmethod
    def of_options(cls, images: Sequence[str], heaps: Sequence[str]) -> ImageHost:
        """The host for `--image BASE=FILE ... --heap ...`."""
        if not images:
            raise UserError("no memory to look at: give --image BASE=FILE")
        return cls([_load_image(text) for text in images], heaps)

    def memory(self) -> Memory:
        """The images' bytes."""
        return self._memory

    settings = Settings()

    def write(self, address: int, data: bytes) -> None:
        """Images are not written."""
        raise UserError("an image cannot be asked: this needs a live target in GDB")

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
    lines = [f"  memtrace {command.name:<8} {command.summary}" for command in _OFFLINE]
    return "\n".join(["usage: memtrace COMMAND --image BASE=FILE [--heap KIND@ADDRESS] ...", *lines])


def _run(command: Command, words: List[str]) -> int:
    prog = f"memtrace {command.name}"
    parser = parser_of(command, prog, _IMAGE)
    options: Namespace = parser.parse_args(words)
    report = command.run(ImageHost.of_options(options.image, getattr(options, "heap", [])), options)
    print(render(command, report, options))
    return _status(report)


def main(arguments: Optional[List[str]] = None) -> int:
    """The shell's entry point: exit status as documented above."""
    words = sys.argv[1:] if arguments is None else arguments
    command = next((command for command in _OFFLINE if words[:1] == [command.name]), None)
    if any(command.writes and words[:1] == [command.name] for command in COMMANDS):
        print(f"memtrace: {words[0]} asks a live target, which images are not: use it in GDB", file=sys.stderr)
        return 2
    if command is None:
        print(_usage(), file=sys.stderr)
        return 0 if words[:1] == ["--help"] else 2
    if "--help" in words:
        print(help_of(command, f"memtrace {command.name}", _IMAGE))
        return 0
    try:
        return _run(command, words[1:])
    except UserError as problem:
        print(f"memtrace: {problem}", file=sys.stderr)
        return 2
