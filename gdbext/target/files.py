# SPDX-License-Identifier: Apache-2.0
"""Opens files of memory in the shell: images here, cores and programs in core.py."""

from __future__ import annotations

from argparse import Namespace
from typing import List, NamedTuple, Optional, Sequence, Tuple, Union

from gdbext.loading import load
from gdbext.model.errors import UserError
from gdbext.model.region import Region
from gdbext.model.said import Said, Text, said
from gdbext.source.files import FileError, in_memory, load_file
from gdbext.source.link import Say
from gdbext.source.memory import Memory
from gdbext.source.overlaps import Piece, first_difference
from gdbext.source.saved import Saved
from gdbext.source.snapshot import snapshot_of
from gdbext.target.addresses import address_in, number_of
from gdbext.target.formats import best_format, region_named
from gdbext.target.target import Code, NoProgram, Target


class FileBytes:
    """The bytes of files. `what` names them in the error of a write. `program` knows the names of addresses."""

    is_file = True

    def __init__(
        self,
        memory: Memory,
        saved: Optional[Saved] = None,
        facts: Sequence[Text] = (),
        what: str = "an image",
        program: Optional[Code] = None,
    ) -> None:
        self._memory = memory
        self._program = program or NoProgram()
        self._facts = facts
        self._what = what
        self.saved = saved
        self.why_no_heaps: Optional[Said] = None

    def memory(self) -> Memory:
        """Returns the files' bytes."""
        return self._memory

    def write(self, address: int, data: bytes) -> None:
        """Raises UserError: files are not written."""
        raise UserError(f"{self._what} cannot be asked: this needs a live target in GDB")

    def address(self, text: str) -> int:
        """Parses a number, and with a program NAME, &NAME or NAME+OFFSET."""
        return address_in(text, self._program, self._memory)

    def facts(self) -> Sequence[Text]:
        """Returns sentences that describe the files."""
        return self._facts


class Wanted(NamedTuple):
    """What is meant in a flash image; what is None is found by its bytes."""

    partition: Optional[str] = None
    path: Optional[str] = None
    build: Optional[str] = None  # the folder of the build of what runs on the chip at the port that is named for a file


ANYTHING = Wanted()


def wanted_by(options: Namespace) -> Wanted:
    """Returns what the options of a command say of it."""
    return Wanted(*(getattr(options, name, None) for name in Wanted._fields))


Image = Tuple[int, bytes, str, Tuple[Text, ...]]  # raw memory: its address, its bytes, its file, remarks about the file


def image_target(images: Sequence[Tuple[int, bytes]], regions: Sequence[Region] = ()) -> Target:
    """Makes a target of images without a program. Pointer size and byte order are found by trial."""
    once = snapshot_of(images, pointer_size=8)  # images that touch are joined once, and all trials share the bytes
    data = [(start, once.get(start, end - start) or b"") for start, end in once.extents()]
    return Target(FileBytes(best_format(lambda width, order: Memory(snapshot_of(data, width, order)), regions)))


def no_target() -> Target:
    """Makes a target without a byte, for what asks elsewhere."""
    return Target(FileBytes(Memory(snapshot_of(()))))


def file_target(
    core: Optional[str],
    images: Sequence[str],
    elf: Optional[str],
    heaps: Sequence[str],
    run: Optional[Union[str, int]] = None,
    symbols: Sequence[str] = (),
    say: Optional[Say] = None,
    wanted: Wanted = ANYTHING,
    more: Sequence[str] = (),
    maps: Optional[str] = None,
    perf_map: Optional[str] = None,
) -> Target:
    """Makes a target of the files on a command line. UserError says why it cannot.

    `symbols` are folders with debug information, `say` prints a line of progress. `wanted` is meant in a flash image.
    `more` are logs that follow `core`, `maps` is the file of --maps, `perf_map` that of --perf-map.
    """
    if core is None and not images:
        raise UserError("nothing to look at: give a core or a log, --image BASE=FILE or --rsp HOST:PORT")
    if core is None and wanted != ANYTHING:
        raise UserError("--partition and --path say what is meant in a flash image, and there is none: leave them out")
    given = None
    if core is not None:
        given = load("target.log_files", "log_or_file")(core, elf, run, symbols, say, wanted, more, maps, perf_map)
    if isinstance(given, Target):
        if images or heaps:
            raise UserError(f"{core} is a log, which has no memory: leave --image and --heap out, or the log")
        return given
    if perf_map is not None:
        raise UserError("--perf-map names code of a log's process, and there is no log: leave it out")
    if maps is not None:
        raise UserError(
            "--maps says where the process of a log had loaded its files, and there is no log: leave it out"
        )
    if run is not None:
        raise UserError("--run chooses a run of a log, and there is none here: leave it out")
    loaded = load_images(images)
    if core is None and elf is None:
        regions = [region_named(text, number_of) for text in heaps]
        target = image_target([(base, data) for base, data, _, _ in loaded], regions)
    else:
        opened: Target = load("target.core", "core_target")(core, given, loaded, elf)
        target = opened
    target.bytes.memory().standing += [remark for _, _, _, remarks in loaded for remark in remarks]
    return target


def load_images(texts: Sequence[str]) -> List[Image]:
    """Loads the files of `--image BASE=FILE`. UserError if two of them have different bytes at one address."""
    images: List[Image] = []
    for text in texts:
        base, equals, path = text.partition("=")
        try:
            address = int(base, 0) if equals else -1
        except ValueError:
            address = -1
        if address < 0:
            raise UserError(f"--image {text}: give BASE=FILE, the base as 0x... or a decimal number")
        try:
            loaded = load_file(path)
            data = in_memory(loaded.data, f"{path}: ", sum(len(other) for _, other, _, _ in images))
        except FileError as problem:
            raise UserError(f"--image {text}: {problem}") from None
        if address + len(data) > 1 << 64:
            raise UserError(
                f"--image {text}: its {len(data):,} bytes would end behind the last address: is BASE right?"
            )
        remarks = tuple(said("of-file", file=path, why=remark) for remark in loaded.remarks)
        images.append((address, data, path, remarks))
    pieces = [Piece(base, base + len(data), 0, data) for base, data, _, _ in images]
    difference, _ = first_difference(pieces)
    if difference is not None:
        address, *numbers = difference
        one, other = (images[number][2] for number in sorted(numbers))
        refuse_difference(one, other, address)
    return images


def refuse_difference(one: str, other: str, address: Optional[int]) -> None:
    """Raises UserError if there is an address at which two files differ."""
    if address is not None:
        raise UserError(
            f"{one} and {other} hold different bytes at {address:#x}: is BASE right? else leave one of them out"
        )
