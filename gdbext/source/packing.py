# SPDX-License-Identifier: Apache-2.0
"""Packs what is written into a file, as the suffix of its name asks."""

from __future__ import annotations

import gzip
from typing import Any, BinaryIO

from gdbext.source.zstd import zstd

LEVEL = 3  # of zstd: what its own command takes
_GZIP_LEVEL = 6


def packer(file: BinaryIO, name: str) -> Any:
    """Returns what to write to, and close: it packs for FILE.gz and FILE.zst. The file itself stays open."""
    if name.endswith(".gz"):
        return gzip.GzipFile("", "wb", _GZIP_LEVEL, file, mtime=0)
    if name.endswith(".zst"):
        return zstd().ZstdCompressor(level=LEVEL).stream_writer(file, closefd=False)
    return open(file.fileno(), "wb", closefd=False)


def is_packed(name: str) -> bool:
    """Tells whether a file of this name is packed as a whole."""
    return name.endswith((".gz", ".zst"))
