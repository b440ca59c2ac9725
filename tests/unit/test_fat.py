# SPDX-License-Identifier: Apache-2.0
"""FAT: the files that real tools have written, and what is left of them where the volume is hurt."""

from __future__ import annotations

import struct
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest

from gdbext.flash.fat import Fat, mounted, places
from gdbext.model.said import Trouble
from tests.support.fat_volume import GEOMETRIES, Geometry, Tables, volume

SMALL = GEOMETRIES[0]


@cache
def made(geometry: Geometry) -> tuple[bytes, dict[str, bytes]]:
    with TemporaryDirectory() as folder:
        return volume(Path(folder), geometry, Random(geometry.kilobytes))


def read(data: bytes) -> Fat:
    files = mounted(data)
    assert files is not None
    return files


def taken(data: bytes, path: str = "/TRACE.LOG") -> bytes:
    """What can be read of a file, whose end is lost."""
    try:
        found = read(data).contents(path)
    except Trouble:
        return b""
    assert found is not None
    assert found.missing is not None
    return found.data


def hurt() -> tuple[Tables, list[int], bytes]:
    """The small volume, to be hurt; the clusters of its largest file, and its bytes."""
    data, files = made(SMALL)
    tables = Tables(data, 12)
    return tables, tables.chain(tables.cluster_of(b"TRACE   LOG")), files["/TRACE.LOG"]


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_files_of_real_tools(geometry: Geometry) -> None:
    data, files = made(geometry)
    found = read(data)
    assert {entry.path: entry.length for entry in found.entries()} == {path: len(one) for path, one in files.items()}
    for path, content in files.items():
        assert found.contents(path) == (content, None)
        assert found.contents(path.upper().lstrip("/")) == (content, None)
    for path in ("/logs", "/logs/piece0.bin", "/TRACE.LOG/x", "/LABEL", "/nothing", "", "/"):
        assert found.contents(path) is None


def test_a_long_name_has_a_short_one() -> None:
    data, files = made(SMALL)
    content = files["/logs/A Folder of Old Ones/Trace of run 1, in Full.log"]
    assert read(data).contents("/logs/afolde~1/TRACEO~1.LOG") == (content, None)


def test_a_long_name_whose_sum_is_wrong_does_not_count() -> None:
    tables, _, _ = hurt()
    tables.data[tables.entry(b"TRACEO~1LOG")] = ord("Q")
    assert "/logs/A Folder of Old Ones/QRACEO~1.LOG" in [entry.path for entry in read(bytes(tables.data)).entries()]


def test_small_letters_of_a_short_name() -> None:
    tables, _, _ = hurt()
    tables.data[tables.entry(b"TRACE   LOG") + 12] = 0x18
    assert "/trace.log" in [entry.path for entry in read(bytes(tables.data)).entries()]


@pytest.mark.parametrize("value", [0, 1, 0xFF7, 0xFFF, 0x900])
def test_the_second_table_helps_where_the_first_one_has_no_next_cluster(value: int) -> None:
    tables, chain, content = hurt()
    assert chain != sorted(chain) or chain[-1] - chain[0] >= len(chain), "in pieces"
    tables.put(chain[4], value, 0)
    assert read(bytes(tables.data)).contents("/TRACE.LOG") == (content, None)
    tables.put(chain[4], value, 1)
    assert taken(bytes(tables.data)) == content[: 5 * tables.cluster]


def test_a_chain_that_leads_back_ends() -> None:
    tables, chain, content = hurt()
    for index in range(1, len(chain)):
        for target in chain[: index + 1]:
            changed = Tables(bytes(tables.data), 12)
            for table in range(2):
                changed.put(chain[index], target, table)
            if index < len(chain) - 1:
                assert taken(bytes(changed.data)) == content[: (index + 1) * tables.cluster]


def test_a_chain_that_runs_into_another_one_ends_before_it() -> None:
    tables, chain, content = hurt()
    _, files = made(SMALL)
    other = tables.chain(tables.cluster_of(b"TRACEO~1LOG"))
    for table in range(2):
        tables.put(chain[4], other[1], table)
    assert taken(bytes(tables.data)) == content[: 5 * tables.cluster]
    path = "/logs/A Folder of Old Ones/Trace of run 1, in Full.log"
    assert read(bytes(tables.data)).contents(path) == (files[path], None)


@pytest.mark.parametrize("size", [5121, 0x7FFF_FFFF, 0xFFFF_FFFE])
def test_a_size_that_was_changed_makes_no_bytes(size: int) -> None:
    tables, chain, content = hurt()
    struct.pack_into("<I", tables.data, tables.entry(b"TRACE   LOG") + 28, size)
    assert taken(bytes(tables.data))[: len(content)] == content
    assert len(taken(bytes(tables.data))) == len(chain) * tables.cluster


def test_a_chain_that_is_longer_than_the_file() -> None:
    """Power was lost after the table was written, before the folder was."""
    tables, _, content = hurt()
    struct.pack_into("<I", tables.data, tables.entry(b"TRACE   LOG") + 28, 1000)
    assert read(bytes(tables.data)).contents("/TRACE.LOG") == (content[:1000], None)


def test_an_image_that_ends_early_gives_the_beginning_of_a_file() -> None:
    tables, chain, content = hurt()
    for cluster in chain[:-1]:
        end = tables.first + (cluster - 2) * tables.cluster + 100
        whole = next(index for index, one in enumerate(chain) if one >= cluster)
        expected = whole * tables.cluster + (100 if chain[whole] == cluster else 0)
        assert taken(bytes(tables.data[:end])) == content[:expected]


def test_a_folder_that_holds_itself_is_listed_once() -> None:
    tables, _, _ = hurt()
    at = tables.entry(b"AFOLDE~1   ")
    struct.pack_into("<H", tables.data, at + 26, tables.cluster_of(b"LOGS       "))
    assert "/TRACE.LOG" in [entry.path for entry in read(bytes(tables.data)).entries()]


def test_where_one_lies_in_a_dump() -> None:
    data, _ = made(SMALL)
    assert list(places(b"\xff" * 8192 + data + b"\0" * 4096)) == [(8192, len(data))]


@pytest.mark.parametrize(
    ("at", "value"),
    [
        *((0, b"\0"), (11, b"\0\0"), (11, b"\1\2"), (13, b"\0"), (13, b"\3"), (14, b"\0\0"), (16, b"\3")),
        *((17, b"\0\0"), (19, b"\1\0"), (22, b"\1\0"), (510, b"\0\0")),
    ],
)
def test_what_is_no_boot_sector(at: int, value: bytes) -> None:
    data = bytearray(made(SMALL)[0])
    data[at : at + len(value)] = value
    assert mounted(bytes(data)) is None
    assert mounted(bytes(data[:511])) is None
