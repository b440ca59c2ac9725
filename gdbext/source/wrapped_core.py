# SPDX-License-Identifier: Apache-2.0
"""Cores in the three forms that ESP-IDF gives them: as an ELF file, as a flash partition, as the text of a log.

Approach: a core of ESP-IDF is an ELF core in a wrapping: the partition's header in front and a checksum behind, and in
a log all of that in base64, line by line. What a wrapping says is checked and said; a wrong checksum or a missing end
costs a remark, not the report.
Rejected: asking for the form (people have what the log or the flash gave them).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import struct
from typing import Optional

from gdbext.model.said import said
from gdbext.source.core import ELF_MAGIC
from gdbext.source.files import LARGEST_FILE, FileError, Loaded
from gdbext.source.overlaps import Bytes

_PACKERS = {b"\x28\xb5\x2f\xfd": "zstd", b"\x04\x22\x4d\x18": "lz4", b"\xfd7zX": "xz"}  # which Python has not
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


def core_in(path: str, loaded: Loaded) -> Loaded:
    """The bytes of an ELF core, out of whatever it is wrapped in; `path`: of the file that was loaded."""
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
        # The older form is not ELF: tasks and their stacks alone, no heap.
        total, version, tasks, tcb = struct.unpack_from("<4I", data) if len(data) >= 20 else (0, 0, 0, 0)
        chip, major, minor = version >> 16, version >> 8 & 0xFF, version & 0xFF
        older = chip < _HIGHEST_CHIP and major == 0 and minor <= _NEWEST_BINARY
        if older and 20 <= total <= len(data) and tasks and tcb:
            raise FileError(
                "a core dump in ESP-IDF's binary form, which holds tasks and no heap: set "
                "CONFIG_ESP_COREDUMP_DATA_FORMAT_ELF and CONFIG_ESP_COREDUMP_CAPTURE_DRAM"
            )
        return None
    total, version = struct.unpack_from("<II", data)
    check = _CRC if version & 0xFF in _CRC_MINORS else _SHA
    if version >> 8 & 0xFF != 1 or total < header + check:
        return Loaded(data[header:], (said("dump-header"),))
    if total > len(data):
        return Loaded(data[header:], (said("dump-cut", there=len(data), all=total),))
    body, told = data[: total - check], data[total - check : total]
    right = hashlib.sha256(body).digest() if check == _SHA else struct.pack("<I", binascii.crc32(body))
    return Loaded(body[header:], () if told == right else (said("dump-checksum"),))


def _from_log(data: Bytes) -> Optional[Loaded]:
    """The core dump that a log holds as base64: the last one, if there are more."""
    if b"\0" in data[:_LOOK]:
        return None
    lines = data[:LARGEST_FILE].decode("latin-1").splitlines()
    starts = [number for number, line in enumerate(lines) if _START in line]
    began = starts[-1] + 1 if starts else 0
    ends = [number for number in range(began, len(lines)) if _END in lines[number]]
    parts = []
    for line in lines[began : ends[0] if ends else len(lines)]:
        # Each line is encoded on its own. Other lines of a log have other characters in them, or another length.
        word = (line.split() or [""])[-1]
        if _BASE64.fullmatch(word) and _PREFIX.fullmatch(line[: line.rfind(word)]):
            parts.append(base64.b64decode(word[: len(word) // 4 * 4]))
    raw = b"".join(parts)
    found = _unwrapped(raw) if raw[:4] != ELF_MAGIC else Loaded(raw)
    if found is None and starts:
        raise FileError("a log with the start of a core dump, but no core dump that can be decoded behind it")
    more = (said("dump-last", dumps=len(starts)),) if len(starts) > 1 else ()
    return None if found is None else Loaded(found.data, (*more, *found.remarks))
