# SPDX-License-Identifier: Apache-2.0
"""Unpacks the table of symbols that some distributions leave in stripped files: the section .gnu_debugdata.

A module of its own, for a Python without lzma does without it.
"""

from __future__ import annotations

import lzma

from gdbext.symbols.elf_head import Head, section_bytes

_LARGEST_PACKED, _LARGEST = 1 << 26, 1 << 26


def packed_symbols(head: Head) -> bytes:
    """Returns the small ELF file with the table, as far as it can be unpacked; none if there is none."""
    try:
        packed = section_bytes(head, ".gnu_debugdata", _LARGEST_PACKED)
        return lzma.LZMADecompressor(memlimit=_LARGEST).decompress(packed, _LARGEST) if packed else b""
    except (lzma.LZMAError, EOFError, OSError):
        return b""
