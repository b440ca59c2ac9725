# SPDX-License-Identifier: Apache-2.0
"""The encoder of logs, 32 and 64 bits wide: what was given to it is what its bytes say, by format.md section 9 alone.

tests/unit/c/log/encode.c makes one record of each line of text. The rows are taken apart here with nothing but
`struct`, so that a misreading of the format cannot hide in the reader of logs too.
"""

from __future__ import annotations

import random
import struct
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from gdbext.trace.format import HEADER_BYTES, parse_header
from tests.support.paths import ROOT

FOLDER = ROOT / "c_helpers"
WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wmissing-prototypes", "-Werror")
CHECKED = ("-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
WIDTHS = {32: (27, 16, 8, 12, 12), 64: (59, 32, 24, 28, 28)}  # size, stack, context, seq, time
both = pytest.mark.parametrize("bits", [32, 64])


class Row(NamedTuple):
    """The fields of a row, and what its number and time are in full."""

    kind: int
    number: int
    time: int
    address: int
    size: int
    heap: int
    stack: int
    context: int
    tag: int
    core: int


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("encoder")


@cache
def program(folder: Path, bits: int) -> Path:
    made = folder / f"encode-{bits}"
    sources = [ROOT / "tests/unit/c/log/encode.c", FOLDER / "log/memtrace_log.c"]
    includes = [f"-I{FOLDER / 'include'}", f"-I{FOLDER / 'log'}"]
    command = ["gcc", "-std=gnu11", f"-m{bits}", *WARNINGS, *CHECKED, *includes, *map(str, sources), "-o", str(made)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return made


def encode(folder: Path, bits: int, lines: list[str]) -> bytes:
    text = "".join(line + "\n" for line in lines).encode()
    done = subprocess.run([str(program(folder, bits))], input=text, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def split(word: int, *widths: int) -> tuple[int, ...]:
    parts = []
    for width in widths:
        parts.append(word & (1 << width) - 1)
        word >>= width
    return (*parts, word)


def rows(data: bytes, bits: int) -> Iterator[Row]:
    """Each row in full. Of a SYNC: number and time that it tells of what follows."""
    size_bits, stack_bits, context_bits, seq_bits, time_bits = WIDTHS[bits]
    number, moment, span = 0, 0, 1 << time_bits
    for words in struct.iter_unpack("<4I" if bits == 32 else "<4Q", data):
        size, heap = split(words[1], size_bits)
        context, tag, stack = split(words[2], context_bits, bits - context_bits - stack_bits)
        kind, core, seq, time = split(words[3], 5, 3, seq_bits)
        if kind == 8:
            moment = words[0] | words[1] << 32
            number += (words[2] - number) % (1 << bits)
            yield Row(kind, number, moment, 0, 0, 0, 0, 0, 0, 0)
            continue
        number += (seq - number) % (1 << seq_bits)
        least = moment - span // 4
        yield Row(kind, number, least + (time - least) % span, words[0], size, heap, stack, context, tag, core)
        number += 1


def random_rows(bits: int, count: int) -> list[Row]:
    """Numbers and clocks that go on by little, and now and then by much, or a little back."""
    size_bits, stack_bits, context_bits, seq_bits, time_bits = WIDTHS[bits]
    dice, number, time, found = random.Random(bits), 0, 0, []
    for _ in range(count):
        number += dice.choice([0] * 20 + [1, 2, (1 << seq_bits) - 1, 1 << seq_bits, 1 << 31])
        quarter = 1 << time_bits - 2
        time = max(0, time + dice.choice([0, 1, 7] * 9 + [quarter, 3 * quarter, 4 * quarter, -quarter, -3, 1 << 40]))
        values = (dice.getrandbits(width) for width in (bits, size_bits, 5, stack_bits, context_bits, 8, 3))
        found.append(Row(dice.choice([1, 2, 3, 4, 5, 6, 7, 10, 12, 13]), number, time, *values))
        number += 1
    return found


@both
def test_numbers_and_times_are_told_in_full(bits: int, folder: Path) -> None:
    wanted = random_rows(bits, 3000)
    data = encode(folder, bits, ["event " + " ".join(map(str, row)) for row in wanted])
    found = list(rows(data, bits))
    assert [row for row in found if row.kind != 8] == wanted
    syncs = sum(row.kind == 8 for row in found)
    assert 100 < syncs < 2000, "one where it is needed, and nowhere else"


@both
def test_no_sync_is_written_where_none_is_needed(bits: int, folder: Path) -> None:
    time_bits, seq_bits = WIDTHS[bits][4], WIDTHS[bits][3]
    far = 3 << time_bits - 2  # the first time that the zero before cannot tell
    blank = "0 0 0 0 0 0 0"
    last = (1 << seq_bits) - 1
    told = [f"event 1 0 {far - 1} {blank}", f"event 1 {last + 1} 0 {blank}"]
    assert [row.kind for row in rows(encode(folder, bits, told), bits)] == [1, 1]
    for line in (f"event 1 0 {far} {blank}", f"event 1 {last + 1} 0 {blank}"):
        assert [row.kind for row in rows(encode(folder, bits, [line]), bits)] == [8, 1], line


@both
def test_a_ring_s_own_sync_and_rows_for_their_numbers(bits: int, folder: Path) -> None:
    lines = ["sync 7 99000", "event 9 8 0 0 0 0 0 0 0 0", "event 1 9 99001 16 1 0 0 0 0 0"]
    found = list(rows(encode(folder, bits, lines), bits))
    assert [(row.kind, row.number) for row in found] == [(8, 8), (9, 8), (1, 9)]
    assert found[2].time == 99001


@both
def test_a_block_that_lives_has_neither_number_nor_time(bits: int, folder: Path) -> None:
    (row,) = rows(encode(folder, bits, ["live 0 5 5 32 100 3 9 4 1 0"]), bits)
    assert row == Row(14, 0, 0, 32, 100, 3, 9, 4, 1, 0)


@both
def test_a_size_that_does_not_fit_is_the_largest(bits: int, folder: Path) -> None:
    (row,) = rows(encode(folder, bits, [f"event 1 0 0 16 {(1 << bits) - 1} 31 0 0 0 0"]), bits)
    assert (row.size, row.heap) == ((1 << WIDTHS[bits][0]) - 1, 31)


@both
def test_the_header_is_that_of_a_log(bits: int, folder: Path) -> None:
    data = encode(folder, bits, ["header 1000 3 4"])
    header = parse_header(data)
    assert len(data) == HEADER_BYTES and header.is_log and header.address == header.total_size == 0
    assert (header.tick_hz, header.run, header.required, header.started, header.process) == (1000, 3, 4, 1, 2)
    assert (header.pointer_size, header.build_id, header.lost_busy) == (bits // 8, "b1" * 20, 0)


@both
@pytest.mark.parametrize(
    ("line", "kind", "address", "heap", "payload"),
    [
        ("name 5 1 main", 17, 5, 1, b"main"),
        ("name 5 2 sixteen_letters_", 17, 5, 2, b"sixteen_letters_"),
        ("name 6 2", 17, 6, 2, b""),
        ("heap 1 2 7 SPIRAM", 17, 1, 4, struct.pack("<2I", 2, 7) + b"SPIRAM"),
        ("module 4096 ABCDEFGHIJKLMNOPQRST /lib/one.so", 18, 4096, 0, b"\x14ABCDEFGHIJKLMNOPQRST/lib/one.so"),
        ("counts 1 2 3", 21, 0, 0, struct.pack("<8I", 1, 0, 0, 2, 0, 0, 0, 3)),
        ("failure tlsf_free block!=0", 22, 0, 0, b"tlsf_free\0block!=0"),
        ("stream 3 160 99", 20, 3, 0, struct.pack("<2Q", 160, 99)),
    ],
)
def test_records_with_a_payload(
    bits: int, line: str, kind: int, address: int, heap: int, payload: bytes, folder: Path
) -> None:
    data = encode(folder, bits, [line])
    unit = bits // 2
    words = struct.unpack_from("<4I" if bits == 32 else "<4Q", data)
    assert words == (address, len(payload) | heap << WIDTHS[bits][0], 0, kind)
    assert data[unit:] == payload + bytes(-len(payload) % unit)


@both
@pytest.mark.parametrize("depth", [1, 4, 5, 255])
def test_stacks_up_to_255_frames(bits: int, depth: int, folder: Path) -> None:
    data = encode(folder, bits, [f"stack 77 {depth} 4096"])
    unit, code = bits // 2, "I" if bits == 32 else "Q"
    size = depth * bits // 8
    assert struct.unpack_from(f"<4{code}", data) == (77, size, 0, 16)
    assert struct.unpack_from(f"<{depth}{code}", data, unit) == tuple(range(4096, 4096 + depth))
    assert data[unit + size :] == bytes(-size % unit)
