# SPDX-License-Identifier: Apache-2.0
"""The short words one of which stands in every line that begins a crash, or that names a device or a program.

They are few and rare in other lines, as each costs a search through the whole text. A word that stands in an ordinary
line costs time and changes nothing.
"""

from __future__ import annotations

WORDS = (
    b"uru Med",
    b" dump",
    b"_dump",
    b"acktrace",
    b"ssert",
    b"***",
    b"CORRUPT",
    b"abort",
    b"FATAL",
    b"FAULT",
    b"EXCEPTION",
    b"xception (",
    b" fault",
    b"PANIC",
    b"ASSERT",
    b"atchdog",
    b"WDT",
    b"rst:0x",
    b"rst cause",
    b"SHA256",
    b"ESP-IDF",
    b"ESP-ROM",
    b"NuttShell",
    b"rownout",
    b"lloc fail",
    b"to alloc",
    b"lloc():",
    b"ree():",
    b"ouble free",
    b"ree null",
    b"_chunk()",
    b"corrupted",
    b"smash",
    b"terminate called",
    b"out of memory",
    b"ESP_ERROR_CHECK",
    b"stack>>>",
    b"caller 0x",
    b"uild-id",
    b"Sanitizer",
    b"tack overflow",
    b"No poison",
    b"bad_alloc",
    b"bad data block",
    b"MT1 ",
)  # fmt: skip
