# SPDX-License-Identifier: Apache-2.0
"""What makes the sentences of targets and of files appear: cores, images, logs, programs, stubs."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from gdbext.model.machine import Machine, machine_of
from gdbext.source.known import Known
from gdbext.source.memory import Memory
from gdbext.source.snapshot import snapshot_of
from gdbext.symbols.modules import Modules
from gdbext.symbols.outside import Outside
from gdbext.target.files import file_target
from gdbext.target.rsp import RspBytes
from gdbext.target.rsp_shell import rsp_target
from gdbext.target.target import Debugger, Target
from tests.docs.sentences.commands import PROGRAM, VARIABLE, Writing
from tests.docs.sentences.tlsf import NODE, SEED, node
from tests.docs.sentences.traces import BASE, HEAP, IMAGE, PLACES
from tests.docs.sentences.world import Distant, Images, Link, ask, changed
from tests.image.broken import HEAP as SEED_HEAP
from tests.support import named_program
from tests.support.core import Note, core_bytes, esp_log, esp_partition
from tests.support.panic_stub import PanicStub
from tests.support.paths import SHARED, require
from tests.support.program_elf import program_elf, section, with_words
from tests.support.rsp_stub import Link as Line
from tests.support.rsp_stub import RspStub, stub_of
from tests.support.rsp_target import Memory as StubMemory

ESP_NOTE: Note = (b"ESP_CORE_DUMP_INFO", 8266, bytes(4) + b"0123456789abcdef0\0")
CORE = core_bytes([(BASE, IMAGE)])
PARTITION = esp_partition(CORE, header=24, sha=True)
EMPTY = named_program.Program("", (), "", (), "", ())
SEGMENTS = [(BASE, IMAGE), (BASE + 0x10000, bytes(64)), (BASE + 0x20000, bytes(64))]


@contextmanager
def in_a_folder(**files: bytes) -> Iterator[None]:
    """An empty folder to work in, so that files have the same names everywhere; `files` by name, _ for a dot."""
    before = os.getcwd()
    with TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            for name, data in files.items():
                Path(name.replace("_", ".")).write_bytes(data)
            yield
        finally:
            os.chdir(before)


def of_core(data: bytes) -> Any:
    """What `status` says of a core."""
    with in_a_folder(app_core=data):
        return ask(file_target("app.core", [], None, []), "status")


def core(*ranges: tuple[int, bytes], **form: Any) -> Callable[[], Any]:
    return lambda: of_core(core_bytes(ranges or [(BASE, IMAGE)], **form))


def wrapped(data: bytes) -> Callable[[], Any]:
    return lambda: of_core(data)


def with_byte(data: bytes, place: int, value: int) -> bytes:
    """The same with one byte changed."""
    changed_data = bytearray(data)
    changed_data[place] = value
    return bytes(changed_data)


def cut_off(share: float) -> Callable[[], Any]:
    """A core of three segments that is cut off."""
    data = core_bytes(SEGMENTS)
    return lambda: of_core(data[: int(len(data) * share)])


def without_its_last_header() -> Any:
    """A core whose list of segments stands at its end, which is cut off."""
    data = core_bytes(SEGMENTS)
    table = data[52 : 52 + 32 * (1 + len(SEGMENTS))]
    moved = data[:28] + len(data).to_bytes(4, "little") + data[32:] + table
    return of_core(moved[:-32])


def overlapping(*most: int) -> Callable[[], Any]:
    """A core with other bytes at the same addresses; `most`: the bound is lowered, it is 64 MiB."""
    ranges = [(BASE, IMAGE), (BASE + 1024, with_byte(IMAGE[1024:], 100, 0x21))]

    def report() -> Any:
        with patch("gdbext.source.core.MOST_COMPARED", *(most or (1 << 20,))):
            return of_core(core_bytes(ranges))

    return report


def shared() -> Any:
    """A core of ten segments over the same bytes."""
    data = core_bytes([(BASE + at * 4096, IMAGE[:4] if at else IMAGE) for at in range(10)])
    table = bytearray(data[52 + 32 : 52 + 32 * 11])
    for at in range(10):
        table[at * 32 + 4 : at * 32 + 8] = table[4:8]
        table[at * 32 + 16 : at * 32 + 24] = table[16:24]
        table[at * 32 + 8 : at * 32 + 12] = (BASE + at * 0x10_0000).to_bytes(4, "little")
    return of_core(data[:84] + bytes(table) + data[52 + 32 * 11 :])


def unsearched() -> Any:
    """The bound is lowered, it is 256 MiB."""
    with patch("gdbext.source.memory.MOST_SEARCHED", 1024):
        return of_core(core_bytes(SEGMENTS))


def image(data: bytes) -> Callable[[], Any]:
    """What `status` says of a packed image."""

    def report() -> Any:
        with in_a_folder(ram_gz=data):
            return ask(file_target(None, [f"{BASE:#x}=ram.gz"], None, [HEAP]), "status", heap=HEAP)

    return report


def log(name: str) -> Callable[[], Any]:
    """The log of another tool."""
    return lambda: ask(file_target(str(require(SHARED / "fixtures" / "logs" / name)), [], None, []), "status")


def program(*flags: str, of: bytes = b"") -> Callable[[], Any]:
    """A program beside an image, or beside a core."""

    def report() -> Any:
        with in_a_folder(app_core=of or CORE):
            elf = str(named_program.build(EMPTY, Path(), *flags))
            images = [] if of else [f"{BASE:#x}=app.core"]
            return ask(file_target("app.core" if of else None, images, elf, []), "status")

    return report


def beside_a_log(build_id: str, *flags: str, addresses: tuple[int, ...] = (BASE,)) -> Callable[[], Any]:
    """What is said of a program whose log has its addresses in another place, or another build-id."""

    def report() -> Any:
        with in_a_folder():
            program = Outside(named_program.build(EMPTY, Path(), *flags).name, build_id=build_id)
            program.frames_of(addresses)
            return program.problem

    return report


def without_its_files() -> Any:
    """The log of a process whose library is not on this machine."""
    modules = Modules([(0x7000_0000_0000, "0123456789abcdef", "/usr/lib/libpool.so.1")])
    modules.frames_of([0x7000_0000_1234])
    return modules.problem


def damaged_program(name: str) -> Callable[[], Any]:
    """A program of which one section claims 2 GiB."""

    def report() -> Any:
        elf = program_elf()
        with in_a_folder(app_core=CORE, program_elf=with_words(elf, {section(elf, name).header + 20: 1 << 31})):
            return ask(file_target("app.core", [], "program.elf", []), "status")

    return report


class Standing(Debugger):
    """One thread, at the heap."""

    def __init__(self) -> None:
        super().__init__((243, []))

    def machine(self) -> Machine | None:
        return machine_of(243, 4)

    def registers(self) -> list[dict[str, int]]:
        return [{"pc": BASE, "sp": VARIABLE}]


def saved() -> list[Any]:
    """A target that is saved, and the core that comes of it."""
    (base, data), *_ = SEED
    sections = (("globals", VARIABLE, VARIABLE + 256), ("globals", VARIABLE + 0x1000, VARIABLE + (2 << 20)))
    symbols = Writing(*sections, registered_heaps=(NODE - 4, 4))
    images = [*SEED, node(SEED_HEAP, base, base + len(data), NODE), (VARIABLE, bytes(4096))]
    target = Target(Link(Memory(Distant(snapshot_of(images)))), symbols, Standing())
    with in_a_folder():
        return [ask(target, "save", "app.core"), ask(file_target("app.core", [], None, []), "status")]


def unknown_memory() -> Any:
    """The pointer to the ring lies outside of all that the program names."""
    memory = Memory(Distant(snapshot_of([(BASE, IMAGE)])), known=Known([(BASE, BASE + len(IMAGE))]))
    return ask(Target(Link(memory), PROGRAM), "status", heap=HEAP)


def over_rsp(stub: RspStub, *commands: str) -> list[Any]:
    """What commands say of a target over the remote protocol; the stub's port is another each time."""
    with stub, rsp_target(stub.remote, None, [HEAP], [], lambda text: None) as target:
        assert isinstance(target.bytes, RspBytes)
        target.bytes._connection.address = "localhost:3333"
        return [ask(target, command, heap=HEAP) for command in commands]


def damaged() -> Images:
    return changed([(BASE, IMAGE)], {PLACES[3] - 4: 0xFFFF_FFF0})


RECIPES: dict[str, Callable[[], Any]] = {
    "a core": core(),
    "a core of an unknown machine": core(machine=999),
    "a core of ESP-IDF without heaps": core((BASE, bytes(64)), notes=[ESP_NOTE]),
    "a saved core": saved,
    "another program than the core's": program(of=core_bytes([(BASE, IMAGE)], notes=[ESP_NOTE])),
    "a log of another build": beside_a_log("0123456789abcdef", "-Wl,--build-id=0xfedcba9876543210"),
    "a log and a stripped program": beside_a_log("", "-s", addresses=()),
    "a log of another program": beside_a_log("", "-g"),
    "a log of a process whose files are missing": without_its_files,
    "a program": program("-g"),
    "a program without lines": program(),
    "a program whose symbols are damaged": damaged_program(".symtab"),
    "a program whose debug information is damaged": damaged_program(".debug_line"),
    "a cut core": cut_off(0.9),
    "a core whose list of segments is cut off": without_its_last_header,
    "segments that differ": overlapping(),
    "segments that are not compared": overlapping(0),
    "a cut image": image(gzip.compress(IMAGE, 0)[:-40]),
    "a damaged image": image(gzip.compress(IMAGE + bytes(2 << 20), 0)[:-8] + bytes(8)),
    "a core whose segments share their bytes": shared,
    "a core that is too large to search": unsearched,
    "a damaged header of a dump": wrapped(with_byte(PARTITION, 5, 9)),
    "a cut dump": wrapped(PARTITION[:-200]),
    "a damaged dump": wrapped(with_byte(PARTITION, len(PARTITION) - 1, PARTITION[-1] ^ 1)),
    "a log with two dumps": wrapped(2 * (esp_log(PARTITION) + "\r\n").encode()),
    "a log with torn lines": log("py_malloc/py-torn.log"),
    "memory that is not known": unknown_memory,
    "over RSP": lambda: over_rsp(stub_of(damaged()), "status", "check"),
    "a chip in its panic handler": lambda: over_rsp(PanicStub(StubMemory.of(damaged()), link=Line()), "status"),
}
