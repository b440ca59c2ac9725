# SPDX-License-Identifier: Apache-2.0
"""Unwraps cores of ESP-IDF, which come in three forms: an ELF file, a flash partition, the text of a log.

Approach: a partition has a header, an ELF core and a checksum. A log has the same in base64, line by line. Length and
checksum are checked; if one is wrong, the report gets a remark and uses the bytes all the same.
Rejected: an option for the form. People use the file that the log or the flash gave them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import re
import struct
from itertools import islice
from typing import Optional

from gdbext.model.said import said
from gdbext.source.core import ELF_MAGIC
from gdbext.source.files import FileError, Loaded, in_memory
from gdbext.source.overlaps import Bytes

_PACKERS = {b"\x28\xb5\x2f\xfd": "zstd", b"\x04\x22\x4d\x18": "lz4", b"\xfd7zX": "xz"}  # Python cannot unpack these
_LOOK_BYTES = 1 << 16  # of the file's head, to tell an empty flash and binary data

# Sizes of the header in front of the ELF core, in the order of trial. Versions added fields, and one removed some.
_HEADERS = (24, 20, 12, 16)
_CRC, _SHA = 4, 32
_CRC_MINORS = (0, 2)
_NEWEST_BINARY = 3  # the highest minor version of the older form, which is not ELF
_HIGHEST_CHIP = 64

START_IN_TEXT, _END = b"CORE DUMP START", b"CORE DUMP END"
_MOST_LINES = 1 << 20  # of a dump, each of which costs microseconds
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_PREFIX = re.compile(r"[\d\s:.,\-\[\]()TZ+>|]*")  # a time that a monitor puts before a line


def core_in(path: str, loaded: Loaded) -> Loaded:
    """Returns the ELF core in the file that was loaded from `path`. Raises FileError if it has none."""
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
        is_text = b"\0" not in loaded.data[:_LOOK_BYTES]
        hint = "a console's text goes to memtrace explain" if is_text else "raw memory goes behind --image BASE=FILE"
        raise FileError(f"{path} is neither a log, an ELF core nor a core dump of ESP-IDF; {hint}")
    return Loaded(found.data, (*loaded.remarks, *found.remarks))


def _unwrapped(data: Bytes) -> Optional[Loaded]:
    """Returns the ELF core in a core dump partition of ESP-IDF, or None if the bytes are no such partition."""
    if len(data) >= 8 and not data[:_LOOK_BYTES].strip(b"\xff"):
        raise FileError("the flash of this partition is empty: no core dump was written")
    header = next((size for size in _HEADERS if data[size : size + 4] == ELF_MAGIC), None)
    if header is None:
        # The older form is not ELF: it has only tasks and their stacks, no heap.
        total, version, tasks, tcb = struct.unpack("<4I", data[:16]) if len(data) >= 20 else (0, 0, 0, 0)
        chip, major, minor = version >> 16, version >> 8 & 0xFF, version & 0xFF
        older = chip < _HIGHEST_CHIP and major == 0 and minor <= _NEWEST_BINARY
        if older and 20 <= total <= len(data) and tasks and tcb:
            raise FileError(
                "a core dump in ESP-IDF's binary form, which holds tasks and no heap: set "
                "CONFIG_ESP_COREDUMP_DATA_FORMAT_ELF and CONFIG_ESP_COREDUMP_CAPTURE_DRAM"
            )
        return None
    data = in_memory(data)
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
    """Returns the last core dump that a log has as base64, or None if it has none."""
    if b"\0" in data[:_LOOK_BYTES]:
        return None
    text = in_memory(data)
    dumps = text.count(START_IN_TEXT)
    lines = io.BytesIO(text)
    lines.seek(max(0, text.rfind(START_IN_TEXT)))
    parts = []
    for raw_line in islice(lines, 1 if dumps else 0, _MOST_LINES):
        if _END in raw_line:
            break
        # Each line is encoded on its own. Other lines of a log have characters that are not base64.
        line = raw_line.decode("latin-1")
        word = (line.split() or [""])[-1]
        if _BASE64.fullmatch(word) and _PREFIX.fullmatch(line[: line.rfind(word)]):
            parts.append(base64.b64decode(word[: len(word) // 4 * 4]))
    raw = b"".join(parts)
    found = _unwrapped(raw) if raw[:4] != ELF_MAGIC else Loaded(raw)
    if found is None and dumps:
        raise FileError("a log with the start of a core dump, but no core dump that can be decoded behind it")
    more = (said("dump-last", dumps=dumps),) if dumps > 1 else ()
    return None if found is None else Loaded(found.data, (*more, *found.remarks))
