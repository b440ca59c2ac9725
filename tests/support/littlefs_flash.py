# SPDX-License-Identifier: Apache-2.0
"""littlefs images by the real C library, on a simulated flash whose power fails where it is told to."""

from __future__ import annotations

import struct
from binascii import crc32
from collections.abc import Iterator
from random import Random
from typing import Any

from littlefs import LFSConfig, LittleFS, LittleFSError, UserContext, lfs

BLOCK = 4096
Options = dict[str, Any]
_WRITE, _APPEND = lfs.LFSFileFlag(0x502), lfs.LFSFileFlag(0x902)  # make it if it is not there
_SIZES = (0, 1, 30, 200, 900, 3000, 9000, 30000)


class Flash(UserContext):
    """NOR flash: writing clears bits. Power fails in write or erasure number `cut`, after a part of its bytes."""

    def __init__(self, size: int, cut: int | None = None, torn: float = 0.0) -> None:
        super().__init__(buffer=bytearray(b"\xff" * size))
        self.left, self.torn = cut, torn

    def _part(self, size: int) -> int:
        """How many bytes of this operation happen; fewer than all: power is off from now on."""
        if self.left is None:
            return size
        self.left -= 1
        return size if self.left >= 0 else int(size * self.torn) if self.left == -1 else 0

    def prog(self, cfg: LFSConfig, block: int, off: int, data: bytes) -> int:
        """Writes."""
        start, size = block * cfg.block_size + off, self._part(len(data))
        for at in range(size):
            self.buffer[start + at] &= data[at]
        return 0 if size == len(data) else -5

    def erase(self, cfg: LFSConfig, block: int) -> int:
        """Erases."""
        start, size = block * cfg.block_size, self._part(cfg.block_size)
        self.buffer[start : start + size] = b"\xff" * size
        return 0 if size == cfg.block_size else -5


def options(random: Random) -> Options:
    """What a littlefs is made with."""
    block = random.choice((512, 1024, 4096, 4096))
    prog = random.choice([size for size in (16, 64, 128, 256) if block % size == 0])
    return {
        "block_size": block,
        "block_count": random.choice((24, 40, 64)),
        "read_size": prog,
        "prog_size": prog,
        "cache_size": random.choice((prog, 256, block)),
        "block_cycles": random.choice((-1, 4, 100)),
        "disk_version": random.choice((0x2_0000, 0x2_0001)),
    }


def image(random: Random, made: Options, steps: int = 60) -> bytes:
    """An image after some steps of a program that writes files, with the power cut in some of them."""
    flash = Flash(made["block_size"] * made["block_count"])
    files = LittleFS(context=flash, mount=False, **made)
    files.format()
    files.mount()
    flash.left = random.choice((None, random.randrange(20), random.randrange(400)))
    flash.torn = random.choice((0.0, 0.25, 0.5, 0.9))
    for _ in range(steps):
        try:
            _step(files, random)
        except (LittleFSError, OSError):  # also where there is no such file, or no room
            if flash.left is not None and flash.left < 0:
                break
    return bytes(flash.buffer)


def _step(files: LittleFS, random: Random) -> None:
    folder = random.choice(("", "/a", "/a/b", "/log"))
    path = f"{folder}/{random.choice(('x', 'trace.log', 'n' * 40, 'ü.txt'))}"
    other = f"{random.choice(('', '/a', '/log'))}/{random.choice(('x', 'moved', 'trace.log'))}"
    what = random.choice(("append", "append", "append", "write", "write", "folder", "rename", "remove", "attribute"))
    if what in ("append", "write"):
        file = lfs.file_open(files.fs, path, _APPEND if what == "append" else _WRITE)
        try:
            lfs.file_write(files.fs, file, random.randbytes(random.choice(_SIZES)))
        finally:
            lfs.file_close(files.fs, file)
    elif what == "folder":
        files.mkdir(folder or "/a")
    elif what == "rename":
        files.rename(path, other)
    elif what == "remove":
        files.remove(path)
    else:
        files.setattr(path, "t", random.randbytes(8))


def listed(data: bytes, made: Options) -> dict[str, bytes]:
    """The files of an image, as the library reads them from a copy, after it has ended what a power cut had begun.

    Without that, it does not find a file that stands behind one that was just being moved.
    """
    flash = Flash(len(data))
    flash.buffer[:] = data
    files = LittleFS(context=flash, mount=False, **made)
    files.mount()
    lfs.fs_mkconsistent(files.fs)
    found = {}
    for folder, _, names in files.walk("/"):
        for name in names:
            path = f"{folder.rstrip('/')}/{name}"
            with files.open(path, "rb") as file:
                found[path] = file.read()
    return found


def one_file(random: Random, size: int, *, folder: str = "") -> tuple[bytes, bytes]:
    """An image with the file /trace.log, and its bytes. Another was written in between; in a folder, it is left."""
    flash = Flash(BLOCK * 64)
    made: Options = {"block_size": BLOCK, "block_count": 64, "disk_version": 0x2_0001}
    files = LittleFS(context=flash, mount=False, read_size=16, prog_size=16, cache_size=256, **made)
    files.format()
    files.mount()
    if folder:
        files.mkdir(folder)
    content = random.randbytes(size)
    for at in range(0, size, 5000):
        for path, flags, data in (
            ("trace.log", _APPEND, content[at : at + 5000]),
            (f"{folder}/x", _WRITE, b"x" * 5000),
        ):
            file = lfs.file_open(files.fs, path, flags)
            lfs.file_write(files.fs, file, data)
            lfs.file_close(files.fs, file)
    if not folder:
        files.remove("x")
    return bytes(flash.buffer), content


def file_blocks(data: bytes) -> list[int]:
    """The blocks of the largest file that the root of an image has, in order."""
    told = (at for start in (0, BLOCK) for tag, at in _tags(data, start) if tag >> 20 == 0x202)
    size, head = max((_word(data, at + 4), _word(data, at)) for at in told)
    numbers, left = [head], size - BLOCK
    while left > 0:
        index = len(numbers)
        left -= BLOCK - 4 * (index & -index).bit_length()
        numbers.append(_word(data, numbers[-1] * BLOCK))
    return numbers[::-1]


def _word(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "little")


def _tags(data: bytes, start: int) -> Iterator[tuple[int, int]]:
    """The tags of a block, with the places of what they are of."""
    at, before = start + 4, 0xFFFF_FFFF
    while at < start + BLOCK:
        tag = int.from_bytes(data[at : at + 4], "big") ^ before
        if tag >> 31:
            return
        yield tag, at + 4
        before = tag ^ (tag >> 20 & 1) << 31 if tag >> 20 & 0x780 == 0x500 else tag
        at += 4 + (tag & 0x3FF if tag & 0x3FF != 0x3FF else 0)


def with_size(data: bytes, size: int) -> bytes:
    """The image with another size of the files of whole blocks in its root, and with sums that agree."""
    return _with_words(data, 0x202, 4, (size,))


def with_folder(data: bytes, pair: tuple[int, int]) -> bytes:
    """The image with another pair of blocks of the folders in its root, and with sums that agree."""
    return _with_words(data, 0x200, 0, pair)


def pair_of_folder(data: bytes) -> tuple[int, int]:
    """The blocks of the only folder in the root of an image."""
    at = next(at for start in (0, BLOCK) for tag, at in _tags(data, start) if tag >> 20 == 0x200)
    return _word(data, at), _word(data, at + 4)


def _with_words(data: bytes, kind: int, offset: int, words: tuple[int, ...]) -> bytes:
    changed = bytearray(data)
    for start in (0, BLOCK):
        commit = start
        for tag, at in _tags(data, start):
            if tag >> 20 == kind:
                changed[at + offset : at + offset + 4 * len(words)] = struct.pack(f"<{len(words)}I", *words)
            elif tag >> 20 & 0x780 == 0x500:
                changed[at : at + 4] = (crc32(changed[commit:at]) ^ 0xFFFF_FFFF).to_bytes(4, "little")
                commit = at + (tag & 0x3FF)
    return bytes(changed)
