# SPDX-License-Identifier: Apache-2.0
"""Partition tables: where they are, and what a hostile one says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gdbext.flash.image import areas_of
from gdbext.flash.partitions import partitions_in
from tests.cli.shell import memtrace
from tests.support.partition_table import APP, DATA, SECTOR, dump, row, table
from tests.support.spiffs_image import spiffs

STORAGE = ("storage", DATA, 0x82, spiffs({"/run1.mtr": b"x" * 1000}))


@pytest.mark.parametrize("at", [0x8000, 0x9000, 0xE000, 0x10000])
def test_a_table_anywhere(at: int) -> None:
    (nvs, storage) = partitions_in(dump(("nvs", DATA, 2, b"\xff"), STORAGE, at=at))
    assert (nvs.name, nvs.offset, nvs.size) == ("nvs", at + SECTOR, SECTOR)
    assert (storage.name, storage.offset, storage.size) == ("storage", at + 2 * SECTOR, 65536)


def test_no_sum_is_needed_where_everybody_leaves_it() -> None:
    data = bytearray(dump(STORAGE))
    data[0x8000 + 32 : 0x8000 + 64] = b"\xff" * 32
    assert [one.name for one in partitions_in(bytes(data))] == ["storage"]


@pytest.mark.parametrize("at", [0x9000, 0x20000])
def test_a_word_of_an_app_is_no_table(at: int) -> None:
    wrong = bytearray(table([row(b"fake", DATA, 2, at + SECTOR, SECTOR)]))
    wrong[40] ^= 1  # in the sum's own row
    assert partitions_in(b"\0" * at + bytes(wrong) + b"\0" * SECTOR) == []
    assert partitions_in((b"\0" * at + row(b"one", DATA, 2, 0x123456, 7)).ljust(at + SECTOR, b"\0")) == []


def test_a_hostile_table(tmp_path: Path) -> None:
    rows = [
        row(b"\x1b[2J\n\x9b", DATA, 0x82, 0x10000, 1 << 31),
        row(b"twice", DATA, 0x82, 0x9000, 0xFFFFFFFF),
        row(b"twice", DATA, 0x81, 0xFFFFF000, 0xFFFFFFFF),
        row(b"\xff" * 16, APP, 0, 0, 0),
    ]
    (tmp_path / "flash").write_bytes(b"\0" * 0x8000 + table(rows) + STORAGE[3])
    said = memtrace("extract", tmp_path / "flash", "--list")
    assert (said.status, said.out.count("\x1b")) == (0, 0)
    assert "\\x1b[2J\\x0a" in said.out
    told = json.loads(memtrace("extract", tmp_path / "flash", "--list", "--json").out)["partitions"]
    assert [one["name"] for one in told[1:3]] == ["twice", "twice"]
    assert told[1]["files"] == [{"path": "/run1.mtr", "length": 1000}]
    assert memtrace("extract", tmp_path / "flash", "--partition", "twice", "--output", tmp_path / "out").status == 2
    assert [one.name for one in tmp_path.iterdir()] == ["flash"]


def test_as_many_rows_as_a_sector_has() -> None:
    rows = [row(b"%d" % number, DATA, 0x82, SECTOR * number, SECTOR) for number in range(200)]
    assert len(partitions_in(b"\0" * 0x8000 + b"".join(rows))) == 96


def test_a_dump_that_ends_early() -> None:
    data = dump(("first", DATA, 0x82, STORAGE[3]), ("second", DATA, 0x82, STORAGE[3]))
    cut = areas_of(data[: 0x9000 + 65536 + 100])
    assert [area.is_cut for area in cut] == [False, True]
    assert cut[0].kind == "spiffs"
    assert cut[1].contents().missing is not None


def test_what_partitions_are_for() -> None:
    data = dump(
        ("nvs", DATA, 2, STORAGE[3]),
        ("app", APP, 0x10, STORAGE[3]),
        ("own", 0x40, 1, STORAGE[3]),
        ("erased", DATA, 0x82, b"\xff"),
        ("log", DATA, 0x99, b"\xff"),
    )
    assert [area.kind for area in areas_of(data)] == [None, None, "spiffs", "none", "raw"]


@pytest.mark.parametrize("base", [0x10000, 0x2A000])
@pytest.mark.parametrize("after", [0, 5000])
def test_a_file_system_without_a_table(base: int, after: int) -> None:
    (area,) = areas_of(b"\xff" * base + STORAGE[3] + b"\0" * after)
    assert (area.kind, area.offset) == ("spiffs", base)
    assert area.files is not None
    found = area.files.contents("/run1.mtr")
    assert found is not None
    assert (found.data, found.missing) == (b"x" * 1000, None)


def test_two_file_systems_without_a_table() -> None:
    one, other = spiffs({"/one": b"1" * 700, "/more": b"m" * 600}), spiffs({"/other": b"2" * 700, "/log": b"l" * 900})
    areas = areas_of(b"\xff" * 0x10000 + one + other)
    assert [area.offset for area in areas] == [0x10000, 0x20000]
    assert [[entry.path for entry in area.files.entries()] for area in areas if area.files is not None] == [
        ["/one", "/more"],
        ["/other", "/log"],
    ]
