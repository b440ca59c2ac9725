# SPDX-License-Identifier: Apache-2.0
"""An address in the shell is a number or a name of the program, before or behind the file."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from gdbext.symbols.elf_symbols import ElfSymbols
from tests.cli.shell import memtrace
from tests.support import fixtures
from tests.support.core import core_bytes

SOURCE = """
char pool[256] = {1};
char *pointer = pool + 64;
char *broken = pool;
static int number_of_calls = 1;
int app_main(void) { return number_of_calls++ + *pointer; }
"""
CASE = fixtures.case("a005")
HEAP = f"--heap={CASE.heap.option}"
ADDRESS = CASE.truth.blocks[3].payload


@dataclass(frozen=True)
class Built:
    """A program for this machine, and an image of its `pointer` that holds another value than the file has."""

    elf: Path
    symbols: dict[str, int]
    image: str

    def ask(self, command: str, address: str, *words: str) -> int:
        said = memtrace(command, address, "--elf", self.elf, self.image, HEAP, *words, "--json")
        assert said.status == 0, said.err
        return int(said.json()["address"])


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("built")
    source, elf, image = (folder / name for name in ("app.c", "app.elf", "pointer.bin"))
    source.write_text(SOURCE)
    line = ["gcc", "-g", "-O0", "-nostdlib", "-static", "-fno-pie", "-no-pie", "-Wl,-e,app_main", "-o", elf, source]
    subprocess.run(line, check=True)
    program = ElfSymbols(str(elf))
    symbols = {name: program.address_of(name) or 0 for name in ("pool", "pointer", "broken", "app_main")}
    image.write_bytes((symbols["pool"] + 128).to_bytes(8, "little"))
    return Built(elf, symbols, f"--image={symbols['pointer']:#x}={image}")


@pytest.mark.parametrize("command", ["last", "refs"])
@pytest.mark.parametrize(
    ("text", "name", "offset"),
    [
        ("app_main", "app_main", 0),
        ("&app_main", "app_main", 0),
        ("app_main+4", "app_main", 4),
        ("pool", "pool", 0),
        ("pool+0x10", "pool", 16),
        ("&pool - 8", "pool", -8),
        ("&pointer", "pointer", 0),
        ("pointer", "pool", 128),
        ("pointer+4", "pool", 132),
    ],
)
def test_names_are_addresses(command: str, text: str, name: str, offset: int, built: Built) -> None:
    assert built.ask(command, text) == built.symbols[name] + offset


@pytest.mark.parametrize(("text", "address"), [("16", 16), ("0x10+4", 20), ("0x10-0x8", 8), (" 0x10 + 4 ", 20)])
def test_numbers_take_offsets_without_a_program(text: str, address: int) -> None:
    images = [f"--image={image.base:#x}={image.path}" for image in CASE.images]
    assert memtrace("last", text, *images, HEAP, "--json").json()["address"] == address


def test_options_take_names_too(built: Built) -> None:
    said = memtrace("blocks", "--address", "pool:pool+16", "--elf", built.elf, built.image, HEAP, "--json")
    assert said.json()["total"]["blocks"] == 0 and "is not an address" not in said.err


WRONG = "is not an address: give 0x... or a decimal number"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("nobody", "nobody: the program has no symbol nobody"),
        ("&nobody+4", "&nobody+4: the program has no symbol nobody"),
        ("0x10+", f"0x10+ {WRONG}, NAME, &NAME or NAME+OFFSET"),
        ("pool+x", f"pool+x {WRONG}, NAME, &NAME or NAME+OFFSET"),
        ("8-9", f"8-9 {WRONG}, NAME, &NAME or NAME+OFFSET"),
        ("&8", f"&8 {WRONG}, NAME, &NAME or NAME+OFFSET"),
        ("p->next", f"p->next {WRONG}, NAME, &NAME or NAME+OFFSET"),
        ("0x1ffffffffffffffff", f"0x1ffffffffffffffff {WRONG}, NAME, &NAME or NAME+OFFSET"),
    ],
)
def test_what_is_no_address_is_one_line(text: str, line: str, built: Built) -> None:
    said = memtrace("last", text, "--elf", built.elf, built.image)
    assert (said.status, said.out, said.err) == (2, "", f"memtrace: {line}\n")


def test_a_pointer_that_was_not_given_is_told(built: Built) -> None:
    said = memtrace("last", "broken", "--elf", built.elf, built.image)
    place = built.symbols["broken"]
    assert said.err == f"memtrace: broken: its 8 bytes at {place:#x} cannot be read; &broken is where it is\n"


def test_a_name_needs_a_program() -> None:
    images = [f"--image={image.base:#x}={image.path}" for image in CASE.images]
    said = memtrace("last", "app_main", *images)
    assert (said.status, said.err) == (2, f"memtrace: app_main {WRONG}, or a name with --elf\n")


# ---- the order of words ----


@pytest.fixture
def core(tmp_path: Path) -> Path:
    path = tmp_path / "a.core"
    path.write_bytes(core_bytes([(image.base, image.data) for image in CASE.images]))
    return path


@pytest.mark.parametrize("command", ["last", "refs"])
def test_address_and_file_come_in_any_order(command: str, core: Path) -> None:
    words = [f"{ADDRESS:#x}", str(core)]
    one, other = (memtrace(command, *order, HEAP) for order in (words, words[::-1]))
    assert one.status == 0 and one.out.startswith(f"{ADDRESS:#x}: byte 0 of block")
    assert one == other


@pytest.mark.parametrize("command", ["last", "refs"])
def test_a_file_without_an_address_is_told(command: str, core: Path) -> None:
    said = memtrace(command, core)
    line = f"memtrace: {core} is a file: give an address, too, as in memtrace {command} 0x20001000 {core}\n"
    assert (said.status, said.err) == (2, line)


def test_what_may_be_either_stays_in_its_order(core: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file whose name is a number; a file that is not there, which its own error names."""
    monkeypatch.chdir(core.parent)
    (core.parent / "17").write_bytes(core.read_bytes())
    assert memtrace("last", "16", "17", "--json").json()["address"] == 16
    assert memtrace("last", "17", "a.core", "--json").json()["address"] == 17
    for words in (["0x10", "no.core"], ["no.core", "0x10"]):
        said = memtrace("last", *words)
        assert (said.status, said.err) == (2, "memtrace: no.core: No such file or directory\n")
