# SPDX-License-Identifier: Apache-2.0
"""littlefs: the same files as the real library finds, in images that a program has left, whole or after a power cut."""

from __future__ import annotations

from random import Random

import pytest

from gdbext.flash.littlefs import LittleFs, mounted, places
from gdbext.model.said import Trouble
from tests.support.littlefs_flash import (
    BLOCK,
    file_blocks,
    image,
    listed,
    one_file,
    options,
    pair_of_folder,
    with_folder,
    with_size,
)

SEEDS = (*range(40), 595, 863, 1275)  # the last three: power was lost while a file was moved


def read(data: bytes) -> LittleFs:
    files = mounted(data)
    assert files is not None
    return files


def taken(data: bytes) -> bytes:
    """What can be read of /trace.log, whose end is lost."""
    try:
        found = read(data).contents("/trace.log")
    except Trouble:
        return b""
    assert found is not None
    assert found.missing is not None
    return found.data


def pointers(index: int) -> int:
    """How many earlier blocks a block of a file points to."""
    return (index & -index).bit_length()


@pytest.mark.parametrize("seed", SEEDS)
def test_an_image_is_read_as_by_the_library(seed: int) -> None:
    random = Random(seed)
    made = options(random)
    data = image(random, made)
    truth = listed(data, made)
    files = read(data)
    assert {entry.path: entry.length for entry in files.entries()} == {path: len(one) for path, one in truth.items()}
    for path, content in truth.items():
        assert files.contents(path) == (content, None)
        assert files.contents(path[1:]) == (content, None)


@pytest.mark.parametrize("seed", SEEDS)
def test_where_one_lies_in_a_dump(seed: int) -> None:
    random = Random(seed)
    data = image(random, options(random))
    assert list(places(b"\xff" * 8192 + data + b"\0" * 4096)) == [(8192, len(data))]


@pytest.mark.parametrize("byte", [0xFF, 0x00, 0x5A])
def test_a_block_of_a_file_that_was_overwritten_ends_it(byte: int) -> None:
    data, content = one_file(Random(byte), 90_000)
    numbers = file_blocks(data)
    assert len(numbers) == 23
    for lost in range(1 if byte != 0xFF else 0, len(numbers)):  # a first block points nowhere: it may be anything
        hurt = bytearray(data)
        hurt[numbers[lost] * BLOCK : (numbers[lost] + 1) * BLOCK] = bytes([byte]) * BLOCK
        known = {len(numbers) - 1}
        for index in range(len(numbers) - 1, 0, -1):
            if index in known and index != lost:
                known |= {index - (1 << power) for power in range(pointers(index))}
        whole = next(index for index in range(len(numbers)) if index not in known or index == lost)
        assert taken(bytes(hurt)) == content[: sum(BLOCK - 4 * pointers(index) for index in range(whole))]


@pytest.mark.parametrize("target", [0, 1, 2, 5, 45, 63, 64, 0x7FFF_FFFF, 0xFFFF_FFFF])
def test_a_pointer_that_was_changed_ends_a_file_before_it(target: int) -> None:
    """Into the folder, to a block of the same file, to one that is free, or to one that there is not."""
    data, content = one_file(Random(target), 90_000)
    numbers = file_blocks(data)
    for index in range(1, len(numbers)):
        for power in range(pointers(index)):
            hurt = bytearray(data)
            at = numbers[index] * BLOCK + 4 * power
            if data[at : at + 4] != target.to_bytes(4, "little"):
                hurt[at : at + 4] = target.to_bytes(4, "little")
                found = taken(bytes(hurt))
                assert content.startswith(found)
                assert len(found) <= sum(BLOCK - 4 * pointers(before) for before in range(index))


def test_an_image_that_ends_early_gives_the_beginning_of_a_file() -> None:
    data, content = one_file(Random(1), 90_000)
    numbers = file_blocks(data)
    for end in range(2, 64):
        found = taken(data[: end * BLOCK + 7]) if max(numbers) > end else content
        assert content.startswith(found)
        assert found or not all(number <= end for number in numbers)


@pytest.mark.parametrize("size", [1 << 20, 0x7FFF_FFFF, 0xFFFF_FFFF])
def test_a_size_that_was_changed_makes_no_bytes(size: int) -> None:
    data, content = one_file(Random(size), 90_000)
    assert content.startswith(taken(with_size(data, size)))


def test_a_folder_that_is_lost_hides_no_other() -> None:
    data = bytearray(one_file(Random(1), 9000, folder="/a")[0])
    whole = read(bytes(data))
    assert [entry.path for entry in whole.entries()] == ["/trace.log", "/a/x"]
    assert whole.contents("/nothing") is None
    for number in pair_of_folder(bytes(data)):
        data[number * BLOCK : (number + 1) * BLOCK] = b"\xff" * BLOCK
    hurt = read(bytes(data))
    assert [entry.path for entry in hurt.entries()] == ["/trace.log"]
    assert hurt.contents("/trace.log") == whole.contents("/trace.log")
    with pytest.raises(Trouble):
        hurt.contents("/a/x")


def test_a_folder_that_leads_back_ends() -> None:
    data = one_file(Random(1), 9000, folder="/a")[0]
    hurt = with_folder(data, (0, 1))
    assert [entry.path for entry in read(hurt).entries()] == ["/trace.log"]


@pytest.mark.parametrize("data", [b"", b"littlefs", b"\xff" * 5000, b"\0" * 8192, b"\0" * 8 + b"littlefs" * 1000])
def test_what_is_none(data: bytes) -> None:
    assert mounted(data) is None
    assert not list(places(data))
