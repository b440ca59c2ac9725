# SPDX-License-Identifier: Apache-2.0
"""Files of memory as they lie about: plain or gzip, whole or cut off; cores in the three forms that ESP-IDF gives them.

Approach: what a file is shows in its bytes, never in its name. A core of ESP-IDF is an ELF core in a wrapping: the
partition's header in front and a checksum behind, and in a log all of that in base64, line by line. What a wrapping
says is checked and said; a wrong checksum or a missing end costs a remark, not the report.
Rejected: asking for the form (people have what the log or the flash gave them).
Cost: large plain files are mapped; others are held in memory, packed ones up to a bound.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import mmap
import os
import re
import struct
import zlib
from itertools import chain
from typing import Iterator, List, NamedTuple, Optional, Tuple

from gdbext.source.core import ELF_MAGIC
from gdbext.source.overlaps import Bytes

LARGEST_FILE = 1 << 30
_GZIP = b"\x1f\x8b"
_PACKERS = {b"\x28\xb5\x2f\xfd": "zstd", b"\x04\x22\x4d\x18": "lz4", b"\xfd7zX": "xz"}  # which Python has not
_GZIP_BITS = zlib.MAX_WBITS | 16
_PIECE = 1 << 20
_LARGEST_HELD = 32 << 20  # what is larger is mapped: should somebody cut it off meanwhile, that ends the process
_LOOK = 1 << 16

# Bytes of the header in front of the ELF core, in the order they are tried: each version added fields, one took some.
_HEADERS = (24, 20, 12, 16)
_CRC, _SHA = 4, 32
_CRC_MINORS = (0, 2)
_NEWEST_BINARY = 3  # minor versions of the older form, which is not ELF
_HIGHEST_CHIP = 64

_START, _END = "CORE DUMP START", "CORE DUMP END"
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_PREFIX = re.compile(r"[\d\s:.,\-\[\]()TZ+>|]*")  # what monitors put before a line: times


class FileError(ValueError):
    """A file that cannot be used; the text says why."""


class Loaded(NamedTuple):
    """The bytes of a file, and what is to be said of them."""

    data: Bytes
    remarks: Tuple[str, ...] = ()


def load_file(path: str) -> Loaded:
    """The bytes of a file, unpacked if they are packed."""
    try:
        with open(path, "rb") as file:
            head = file.read(len(_GZIP))
            if not head:
                raise FileError("is empty")
            if head == _GZIP:
                return _unpacked(chain([head], iter(lambda: file.read(_PIECE), b"")))
            if os.fstat(file.fileno()).st_size > _LARGEST_HELD:
                return Loaded(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
            return Loaded(head + file.read(LARGEST_FILE))
    except (OSError, ValueError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) and problem.strerror else str(problem)
        raise FileError(f"{path}: {reason}") from None


def _unpacked(pieces: Iterator[bytes]) -> Loaded:
    """What gzip holds, as far as it can be unpacked. A file may hold several, one behind the other."""
    unpacker, parts, size = zlib.decompressobj(_GZIP_BITS), [], 0
    for piece in pieces:
        while piece and size < LARGEST_FILE:
            if unpacker.eof:
                unpacker = zlib.decompressobj(_GZIP_BITS)
            try:
                parts.append(unpacker.decompress(piece, _PIECE))
            except zlib.error:
                return _partly(parts, "is damaged")
            size += len(parts[-1])
            piece = unpacker.unconsumed_tail or unpacker.unused_data.lstrip(b"\0")
    if size >= LARGEST_FILE:
        return _partly(parts, f"unpacks to more than {LARGEST_FILE >> 20} MiB")
    parts.append(unpacker.flush())
    return Loaded(b"".join(parts)) if unpacker.eof else _partly(parts, "is cut off")


def _partly(parts: List[bytes], why: str) -> Loaded:
    data = b"".join(parts)
    if not data:
        raise FileError(f"the gzip file {why}, and nothing of it can be read")
    return Loaded(data, (f"the gzip file {why}: only its first {len(data):,} bytes could be read",))


def load_core(path: str) -> Loaded:
    """The bytes of an ELF core, out of whatever it is wrapped in."""
    loaded = load_file(path)
    if loaded.data[:4] == ELF_MAGIC:
        return loaded
    try:
        found = _unwrapped(loaded.data) or _from_log(loaded.data)
    except FileError as problem:
        raise FileError(f"{path}: {problem}") from None
    packer = _PACKERS.get(loaded.data[:4])
    if found is None and packer is not None:
        raise FileError(f"{path} is packed: unpack it first, with `{packer} -d`")
    if found is None:
        raise FileError(
            f"{path} is neither an ELF core nor a core dump of ESP-IDF; raw memory goes behind --image BASE=FILE"
        )
    return Loaded(found.data, (*loaded.remarks, *found.remarks))


def _unwrapped(data: Bytes) -> Optional[Loaded]:
    """The ELF core in a core dump partition of ESP-IDF."""
    if len(data) >= 8 and not data[:_LOOK].strip(b"\xff"):
        raise FileError("the flash of this partition is empty: no core dump was written")
    header = next((size for size in _HEADERS if data[size : size + 4] == ELF_MAGIC), None)
    if header is None:
        _refuse_binary(data)
        return None
    total, version = struct.unpack_from("<II", data)
    check = _CRC if version & 0xFF in _CRC_MINORS else _SHA
    if version >> 8 & 0xFF != 1 or total < header + check:
        return Loaded(data[header:], ("the header in front of the core dump is damaged: it was not used",))
    if total > len(data):
        return Loaded(data[header:], (f"the core dump is cut off: {len(data):,} of {total:,} bytes are there",))
    body, told = data[: total - check], data[total - check : total]
    wrong = () if _checksum(body, check) == told else ("the checksum of the core dump is wrong: some bytes of it are",)
    return Loaded(body[header:], wrong)


def _checksum(body: bytes, size: int) -> bytes:
    return hashlib.sha256(body).digest() if size == _SHA else struct.pack("<I", binascii.crc32(body))


def _refuse_binary(data: Bytes) -> None:
    """The older form of a core dump is not ELF: tasks and their stacks alone, no heap."""
    if len(data) < 20:
        return
    total, version, tasks, tcb = struct.unpack_from("<4I", data)
    chip, major, minor = version >> 16, version >> 8 & 0xFF, version & 0xFF
    if chip < _HIGHEST_CHIP and major == 0 and minor <= _NEWEST_BINARY and 20 <= total <= len(data) and tasks and tcb:
        raise FileError(
            "a core dump in ESP-IDF's binary form, which holds tasks and no heap: set "
            "CONFIG_ESP_COREDUMP_DATA_FORMAT_ELF and CONFIG_ESP_COREDUMP_CAPTURE_DRAM"
        )


def _from_log(data: Bytes) -> Optional[Loaded]:
    """The core dump that a log holds as base64: the last one, if there are more."""
    if b"\0" in data[:_LOOK]:
        return None
    lines = data[:LARGEST_FILE].decode("latin-1").splitlines()
    starts = [number for number, line in enumerate(lines) if _START in line]
    began = starts[-1] + 1 if starts else 0
    ends = [number for number in range(began, len(lines)) if _END in lines[number]]
    raw = b"".join(_decoded(lines[began : ends[0] if ends else len(lines)]))
    found = _unwrapped(raw) if raw[:4] != ELF_MAGIC else Loaded(raw)
    if found is None and starts:
        raise FileError("a log with the start of a core dump, but no core dump that can be decoded behind it")
    more = (f"the log holds {len(starts)} core dumps: this is the last",) if len(starts) > 1 else ()
    return None if found is None else Loaded(found.data, (*more, *found.remarks))


def _decoded(lines: List[str]) -> Iterator[bytes]:
    """Each line is encoded on its own; other lines of a log have other characters in them, or another length."""
    for line in lines:
        words = line.split()
        if not words or not _BASE64.fullmatch(words[-1]) or not _PREFIX.fullmatch(line[: line.rfind(words[-1])]):
            continue
        word = words[-1]
        yield base64.b64decode(word[: len(word) // 4 * 4])
