# SPDX-License-Identifier: Apache-2.0
"""Memory cards: a table of partitions, or a file system that begins with the image, whatever lies in its files."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path
from random import Random

import pytest

from gdbext.flash.image import areas_of
from gdbext.model.said import Trouble
from gdbext.target.files import Wanted
from gdbext.target.flash_files import wanted_in
from tests.support.fat_volume import Geometry, volume
from tests.support.flash_cases import cases, image_of


def table(*entries: tuple[int, int, int], boots: int = 0x80) -> bytes:
    """A first sector whose partitions are of these kinds, from these sectors on, so many."""
    rows = [struct.pack("<B3xB3xII", boots, *one) for one in entries]
    return bytes(446) + b"".join(rows).ljust(64, b"\0") + b"\x55\xaa"


def test_a_card_with_several_partitions(tmp_path: Path) -> None:
    geometries = (Geometry(12, 512, 1, 720), Geometry(16, 512, 1, 4096))
    volumes = [volume(tmp_path / str(made.bits), made, Random(made.bits)) for made in geometries]
    (one, files), (other, _) = volumes
    at = 64 + len(one) // 512
    first = table((0x01, 64, len(one) // 512), (0x06, at, len(other) // 512), (0x83, at + len(other) // 512, 2))
    card = first + bytes(63 * 512) + one + other + b"\xff" * 1024
    found = areas_of(card)
    assert [(area.name, area.offset, area.size, area.kind) for area in found] == [
        ("p1", 64 * 512, len(one), "fat"),
        ("p2", at * 512, len(other), "fat"),
        ("p3", at * 512 + len(other), 1024, "raw"),
    ]
    for area in found[:2]:
        assert area.files is not None
    assert found[0].files is not None
    assert found[0].files.contents("/TRACE.LOG") == (files["/TRACE.LOG"], None)
    assert areas_of(card[: 64 * 512 + 5])[0].is_cut


def test_a_dump_of_a_flash_in_a_file_on_a_card(tmp_path: Path) -> None:
    """Its table is no table of the card."""
    dump = gzip.decompress(image_of(cases()["flash-littlefs"]).read_bytes())
    assert areas_of(dump[0x8000:0x9000].rjust(0x12000, b"\xff"))[0].name == "nvs"
    made = Geometry(16, 4096, 1, 20480)
    data, _ = volume(tmp_path / "made", made, Random(1), more={"/table.bin": dump[0x8000:0x9000]})
    (area,) = areas_of(data)
    assert (area.name, area.offset, area.kind) == ("image", 0, "fat")


NO_TABLES = (table(), table((0x06, 0, 5)), table((0x06, 5, 5), boots=0x33), bytes(512), b"", b"\x55\xaa")


@pytest.mark.parametrize("first", NO_TABLES)
def test_what_has_no_table(first: bytes) -> None:
    assert [area.name for area in areas_of(first)] == ["image"]


def test_a_file_that_is_lost_in_one_partition_hides_none_in_another(tmp_path: Path) -> None:
    one, files = volume(tmp_path / "one", Geometry(12, 512, 1, 720), Random(1))
    hurt = bytearray(one)
    at = hurt.index(b"TRACE   LOG")
    struct.pack_into("<H", hurt, at + 26, 0xFFFF)  # its first cluster
    count = len(one) // 512
    card = table((0x01, 64, count), (0x01, 64 + count, count)) + bytes(63 * 512) + hurt + one
    assert wanted_in(areas_of(card), Wanted(None, "/TRACE.LOG")).contents == (files["/TRACE.LOG"], None)
    with pytest.raises(Trouble):
        wanted_in(areas_of(card), Wanted("p1", "/TRACE.LOG"))
