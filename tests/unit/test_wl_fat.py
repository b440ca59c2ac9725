# SPDX-License-Identifier: Apache-2.0
"""FAT under ESP-IDF's wear levelling: the volume comes out in order wherever the empty sector stands."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest

from gdbext.flash.fat import mounted as mounted_fat
from gdbext.flash.wl_fat import mounted, places
from gdbext.model.said import Trouble
from tests.support.fat_volume import SECTOR, Geometry, Levelled, marks, state, volume

SIZES = {"4096": Geometry(12, 4096, 1, 640), "512": Geometry(12, 512, 1, 160)}


@cache
def made(name: str) -> tuple[bytes, dict[str, bytes]]:
    with TemporaryDirectory() as folder:
        return volume(Path(folder), SIZES[name], Random(name))


def files_of(data: bytes) -> dict[str, bytes]:
    """All files, each of them whole."""
    found = mounted(data)
    assert found is not None
    files = {}
    for entry in found.entries():
        contents = found.contents(entry.path)
        assert contents is not None
        assert contents.missing is None
        files[entry.path] = contents.data
    return files


@pytest.mark.parametrize("name", SIZES)
def test_wherever_the_empty_sector_stands(name: str) -> None:
    data, files = made(name)
    sectors = len(data) // SECTOR
    for rounds in (0, 1, sectors // 2, sectors - 1):
        for empty in (0, 1, 2, sectors // 3, sectors - 1, sectors):
            levelled = Levelled(data, rounds=rounds, empty=empty)
            assert files_of(levelled.image()) == files
            levelled.states[0] = b"\xff" * len(levelled.states[0])
            assert files_of(levelled.image()) == files, "the first state was erased"


def test_a_round_that_has_just_ended() -> None:
    """The last sector is moved and marked, the state of the next round is not written yet."""
    data, files = made("512")
    levelled = Levelled(data, rounds=3, empty=len(data) // SECTOR)
    for number, one in enumerate(levelled.states):
        levelled.states[number] = (state(levelled.sectors, 3) + marks(levelled.sectors)).ljust(len(one), b"\xff")
    assert files_of(levelled.image()) == files


def test_the_first_state_is_the_newer_one() -> None:
    data, files = made("512")
    levelled = Levelled(data, rounds=4)
    old = state(levelled.sectors, 3) + marks(levelled.sectors)
    levelled.states[1] = old.ljust(len(levelled.states[1]), b"\xff")
    assert files_of(levelled.image()) == files


@pytest.mark.parametrize("copy", [0, 1])
def test_a_mark_that_is_torn_or_missing_in_one_copy(copy: int) -> None:
    data, files = made("512")
    levelled = Levelled(data, empty=3)
    for at in (64 + 16 * 2 + 5, 64 + 16 * 1 + 5):
        torn = bytearray(levelled.states[copy])
        torn[at] ^= 0xFF
        levelled.states[copy] = bytes(torn)
        assert files_of(levelled.image()) == files


def test_what_a_device_without_a_state_would_do() -> None:
    """It begins anew: the empty sector is the first one."""
    data, files = made("4096")
    levelled = Levelled(data)
    levelled.states = [b"\xff" * len(one) for one in levelled.states]
    assert files_of(levelled.image()) == files
    levelled.body[0] = b"\xff" * SECTOR
    for end in (-1, -4 * SECTOR + 100):
        assert files_of(levelled.image()[:end]) == files, "the image ends before the state"


def test_an_order_that_is_lost_is_not_guessed() -> None:
    data, _ = made("4096")
    levelled = Levelled(data, empty=7)
    levelled.states = [b"\xff" * len(one) for one in levelled.states]
    found = mounted(levelled.image())
    assert found is not None
    assert not found.entries()
    with pytest.raises(Trouble):
        found.contents("/TRACE.LOG")


def test_a_volume_that_was_made_without_it_later() -> None:
    with TemporaryDirectory() as folder:
        plain, _ = volume(Path(folder), Geometry(12, 512, 1, 176), Random(1))
    levelled = Levelled(made("512")[0], empty=7)
    assert len(plain) == levelled.total
    image = plain[: -3 * SECTOR] + levelled.image()[-3 * SECTOR :]  # the old state is still there
    assert mounted(image) is None
    assert mounted_fat(image) is not None


def pending(data: bytes, number: int, first: int, count: int, hurt: Callable[[bytes], bytes]) -> bytes:
    """A partition in safe mode: this sector was being rewritten when power was lost."""
    levelled = Levelled(data, empty=5, spare=2)
    kept = data[number * SECTOR : (number + 1) * SECTOR]
    logical = [at for at in range(levelled.sectors) if at != 5]
    levelled.body[logical[-2]] = struct.pack("<4I", 0x1234_5678, number, first, count).ljust(SECTOR, b"\xff")
    levelled.body[logical[-1]] = kept
    levelled.body[logical[number]] = hurt(kept)
    return levelled.image()


@pytest.mark.parametrize("number", [0, 1, 5])
def test_a_sector_that_safe_mode_was_rewriting(number: int) -> None:
    data, files = made("512")
    assert files_of(pending(data, number, 2, 1, lambda kept: kept)) == files, "not yet erased"
    for torn in (0, 100, 512, 2000, SECTOR):
        image = pending(data, number, 3, 0, lambda kept, torn=torn: b"\xff" * torn + kept[torn:])
        assert files_of(image) == files


def test_what_looks_like_it_in_a_file() -> None:
    """Without safe mode the last sectors are the volume's."""
    data, files = made("512")
    changed = data[: -2 * SECTOR] + struct.pack("<4I", 0x1234_5678, 4, 0, 1).ljust(2 * SECTOR, b"\xff")
    assert files_of(Levelled(changed, empty=5).image()) == files


def test_where_one_lies_in_a_dump() -> None:
    image = Levelled(made("512")[0], rounds=1, empty=5).image()
    assert list(places(b"\xff" * 8192 + image + b"\0" * 4096)) == [(8192, len(image))]


@pytest.mark.parametrize("data", [b"", b"\xff" * 65536, b"\0" * 65536, b"x" * 5000])
def test_what_is_none(data: bytes) -> None:
    assert mounted(data) is None
    assert not list(places(data))
