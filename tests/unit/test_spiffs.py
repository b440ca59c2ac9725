# SPDX-License-Identifier: Apache-2.0
"""SPIFFS of all sizes, and what is made of damage. What real libraries leave behind is in the shared images."""

from __future__ import annotations

import random
import struct

import pytest

from gdbext.flash.spiffs import Spiffs, mounted
from tests.support.spiffs_image import DATA, INDEX, INDEX_ID, Maker, Sizes, spiffs

FILES = {"/trace.log": random.Random(1).randbytes(9000), "/a": b"", "/cfg.txt": b"1" * 300, "/b/c": b"2" * 700}


def reader(data: bytes) -> Spiffs:
    found = mounted(data)
    assert found is not None
    return found


def read(data: bytes, path: str = "/trace.log") -> tuple[bytes, bool]:
    """A file's bytes, and whether they are whole."""
    found = reader(data).contents(path)
    assert found is not None
    return found.data, found.missing is None


@pytest.mark.parametrize("magic", ["", "plain", "length"])
@pytest.mark.parametrize("page", [128, 256, 512, 1024])
@pytest.mark.parametrize("block", [4096, 8192, 16384, 65536])
def test_sizes_are_recognised(page: int, block: int, magic: str) -> None:
    for name, meta, aligned in ((32, 0, False), (32, 4, True), (64, 4, False), (24, 17, True)):
        sizes = Sizes(page, block, name, meta, max(65536, 4 * block), magic, aligned)
        found = reader(spiffs(FILES, sizes))
        assert sorted(found.entries()) == sorted((path, len(data)) for path, data in FILES.items())
        assert {path: found.contents(path) for path in FILES} == {path: (data, None) for path, data in FILES.items()}


def test_one_small_file_without_magic() -> None:
    assert read(spiffs({"x": b"y"}, Sizes(magic="", meta=0)), "x") == (b"y", True)


def test_only_empty_files() -> None:
    image = spiffs({"/a": b"", "/b": b""}, Sizes(magic=""))
    assert reader(image).entries() == [("/a", 0), ("/b", 0)]
    assert read(image, "/a") == (b"", True)


def test_an_empty_one_with_magic() -> None:
    assert reader(spiffs({})).entries() == []


@pytest.mark.parametrize(
    "data", [b"", b"\0" * 65536, b"\xff" * 65536, b"BBBB" * 9999, random.Random(3).randbytes(99999)]
)
def test_what_is_none(data: bytes) -> None:
    assert mounted(data) is None


@pytest.mark.parametrize("asked", ["/trace.log", "trace.log"])
@pytest.mark.parametrize("stored", ["/trace.log", "trace.log"])
def test_a_slash_in_front(stored: str, asked: str) -> None:
    assert read(spiffs({stored: b"abc"}), asked) == (b"abc", True)


def test_a_name_is_as_it_is_written() -> None:
    assert reader(spiffs({"/trace.log": b"abc"})).contents("/TRACE.LOG") is None


def page_of(image: bytes, object_id: int, span: int, size: int = 256) -> int:
    """Where the page with this header lies."""
    head = struct.pack("<HH", object_id, span)
    return next(at for at in range(size, len(image), size) if image[at : at + 4] == head)


@pytest.mark.parametrize(
    ("at", "value"),
    [(0, 9), (2, 8), (4, 0xFF), (4, 0xFE), (4, 0xF8)],
    ids=["of another file", "another part", "free", "not finished", "an index"],
)
def test_a_page_that_is_not_the_file_ends_it(at: int, value: int) -> None:
    image = bytearray(spiffs(FILES))
    image[page_of(image, 1, 5) + at] = value
    assert read(bytes(image)) == (FILES["/trace.log"][: 5 * 251], False)


def test_a_page_that_a_cut_change_has_deleted() -> None:
    image = bytearray(spiffs(FILES))
    image[page_of(image, 1, 5) + 4] &= 0x7F
    assert read(bytes(image)) == (FILES["/trace.log"], True)


@pytest.mark.parametrize("flag", [0x80, 0x40], ids=["deleted", "being deleted"])
def test_a_deleted_file_is_none(flag: int) -> None:
    image = bytearray(spiffs(FILES))
    image[page_of(image, 1 | INDEX_ID, 0) + 4] &= ~flag
    assert reader(bytes(image)).contents("/trace.log") is None
    assert "/trace.log" not in [one.path for one in reader(bytes(image)).entries()]


def test_a_lost_index_page() -> None:
    maker = Maker(Sizes(total=1 << 17))
    content = random.Random(2).randbytes(90_000)
    maker.file("/big", content)
    image = bytearray(maker.image())
    assert read(bytes(image), "/big") == (content, True)
    image[page_of(image, 1 | INDEX_ID, 2) + 4] = 0xFF
    in_header, in_page = (256 - 49) // 2, (256 - 8) // 2
    assert read(bytes(image), "/big") == (content[: (in_header + in_page) * 251], False)


def test_a_size_of_4_gib() -> None:
    image = bytearray(spiffs(FILES))
    struct.pack_into("<I", image, page_of(image, 1 | INDEX_ID, 0) + 8, 0xFFFFFFFE)
    data, is_whole = read(bytes(image))
    assert (data[:9000], is_whole) == (FILES["/trace.log"], False)
    assert len(data) == 36 * 251  # the last page's own end is not known any more


def test_an_index_in_a_circle() -> None:
    maker = Maker(Sizes())
    header = maker.file("/loop", b"x" * 251)
    image = bytearray(maker.image())
    number = header - 1
    image[header * 256 + 49 : header * 256 + 255] = struct.pack("<H", number) * 103
    struct.pack_into("<I", image, header * 256 + 8, 1 << 30)
    assert read(bytes(image), "/loop") == (b"x" * 251, False)


def test_two_headers_after_a_power_cut() -> None:
    """The first counts, unless it leads to less than all."""
    old = Maker(Sizes())
    page = old.page(1, 0, DATA, b"a" * 251)
    names = b"/cut".ljust(32, b"\0") + b"\xff" * 4
    whole = b"\xff" * 3 + struct.pack("<IB", 251, 1) + names + struct.pack("<H", page)
    torn = b"\xff" * 3 + struct.pack("<IB", 600, 1) + names + struct.pack("<HH", page, 99)
    old.page(1 | INDEX_ID, 0, INDEX, torn)
    assert read(old.image(), "/cut") == (b"a" * 251, False)
    old.page(1 | INDEX_ID, 0, INDEX, whole)
    assert read(old.image(), "/cut") == (b"a" * 251, True)
    assert [one.path for one in reader(old.image()).entries()] == ["/cut"]


def test_a_cut_image() -> None:
    image = spiffs({"/a": b"", **FILES})
    data, is_whole = read(image[: page_of(image, 2 | INDEX_ID, 0) + 256])
    assert (data, is_whole) == (FILES["/trace.log"], True)


def test_a_page_that_the_image_has_in_part() -> None:
    maker = Maker(Sizes())
    first = maker.page(1, 0, DATA, b"a" * 251)
    names = b"/cut".ljust(32, b"\0") + b"\xff" * 4
    listed = struct.pack("<HH", first, first + 2)
    maker.page(1 | INDEX_ID, 0, INDEX, b"\xff" * 3 + struct.pack("<IB", 400, 1) + names + listed)
    second = maker.page(1, 1, DATA, b"b" * 149)
    assert read(maker.image(), "/cut") == (b"a" * 251 + b"b" * 149, True)
    assert read(maker.image()[: second * 256 + 5 + 100], "/cut") == (b"a" * 251 + b"b" * 100, False)
