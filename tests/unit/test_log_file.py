# SPDX-License-Identifier: Apache-2.0
"""Logs in files of every packing, in pipes, cut and damaged; their bytes come in pieces of bounded size."""

from __future__ import annotations

import gzip
import io
import os
import random
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
import zstandard

from gdbext.model.said import Said, Trouble, said
from gdbext.source.files import FileError
from gdbext.source.log_file import LogFile, open_log

DATA = random.Random(1).randbytes(700_000) + bytes(400_000)
PACKED = {"plain": DATA, "gzip": gzip.compress(DATA, 1, mtime=0), "zstd": zstandard.compress(DATA)}
LARGEST_PIECE = 40 << 20


def taken(file: LogFile) -> bytes:
    parts = []
    for piece in file.chunks():
        assert len(piece) <= LARGEST_PIECE
        parts.append(piece)
    return b"".join(parts)


def opened(folder: Path, data: bytes) -> LogFile:
    (folder / "log").write_bytes(data)
    return open_log(str(folder / "log"))


@pytest.mark.parametrize("packing", PACKED)
def test_a_file_gives_what_was_packed(packing: str, tmp_path: Path) -> None:
    file = opened(tmp_path, PACKED[packing])
    assert file.head[:4096] == DATA[:4096]
    assert taken(file) == DATA
    assert (file.remarks, file.can_seek) == ([], packing == "plain")


@pytest.mark.parametrize("packing", PACKED)
def test_a_pipe_gives_the_same(packing: str) -> None:
    reading, writing = os.pipe()

    def write() -> None:
        with open(writing, "wb") as pipe:
            pipe.write(PACKED[packing])

    writer = threading.Thread(target=write)
    writer.start()
    file = open_log(f"/dev/fd/{reading}")
    assert not file.can_seek
    assert taken(file) == DATA
    writer.join()
    os.close(reading)


def test_standard_input(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(PACKED["zstd"])
    with open(tmp_path / "log", "rb") as file, patch.object(sys, "stdin", io.TextIOWrapper(file)):
        assert taken(open_log("-")) == DATA


@pytest.mark.parametrize("packing", ["gzip", "zstd"])
def test_several_members_are_one_file(packing: str, tmp_path: Path) -> None:
    assert taken(opened(tmp_path, PACKED[packing] + PACKED[packing])) == DATA + DATA
    zeros = bytes(1000) if packing == "gzip" else b""
    file = opened(tmp_path, PACKED[packing] + zeros)
    assert (taken(file), file.remarks) == (DATA, [])


@pytest.mark.parametrize("packing", ["gzip", "zstd"])
def test_what_is_cut_off_gives_all_it_has(packing: str, tmp_path: Path) -> None:
    for left in (300_000, len(PACKED[packing]) - 3):
        file = opened(tmp_path, PACKED[packing][:left])
        found = taken(file)
        assert DATA.startswith(found) and len(found) > 250_000
        assert file.remarks == [said(f"{packing}-cut", read=len(found))]


@pytest.mark.parametrize("packing", ["gzip", "zstd"])
def test_what_is_damaged_gives_what_was_before(packing: str, tmp_path: Path) -> None:
    data = PACKED[packing][:400_000] + bytes(PACKED[packing][400_000:])[::-1]
    file = opened(tmp_path, data)
    found = taken(file)
    assert len(found) > 250_000
    (remark,) = file.remarks
    assert isinstance(remark, Said) and remark.key in (f"{packing}-damaged", f"{packing}-cut")


@pytest.mark.parametrize(
    "data",
    [PACKED["gzip"][:12], PACKED["zstd"][:6], b"\x28\xb5\x2f\xfd" + bytes(9)],
    ids=["gzip", "zstd", "zstd-garbage"],
)
def test_nothing_can_be_read(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(FileError, match="nothing of it can be read"):
        taken(opened(tmp_path, data))


@pytest.mark.parametrize("packing", ["gzip", "zstd"])
def test_a_bomb_comes_in_pieces(packing: str, tmp_path: Path) -> None:
    zeros = bytes(200 << 20)
    file = opened(tmp_path, gzip.compress(zeros, 1) if packing == "gzip" else zstandard.compress(zeros))
    assert sum(map(len, pieces_of(file))) == 200 << 20


def pieces_of(file: LogFile) -> Iterator[bytes]:
    for piece in file.chunks():
        assert len(piece) <= LARGEST_PIECE
        yield piece


def test_a_reader_that_goes_away_ends_the_thread(tmp_path: Path) -> None:
    before = threading.active_count()
    pieces = opened(tmp_path, gzip.compress(bytes(100 << 20), 1)).chunks()
    next(pieces)
    del pieces
    for thread in threading.enumerate()[before:]:
        thread.join(30)
    assert threading.active_count() <= before


def test_zstd_is_missing(tmp_path: Path) -> None:
    with patch.dict(sys.modules, {"zstandard": None}), pytest.raises(Trouble) as refused:
        opened(tmp_path, PACKED["zstd"])
    assert refused.value.why == said("zstd-missing")


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="No such file"):
        open_log(str(tmp_path / "none"))
    with pytest.raises(FileError, match="Is a directory"):
        open_log(str(tmp_path))
    assert opened(tmp_path, b"").head == b""
