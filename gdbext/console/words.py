# SPDX-License-Identifier: Apache-2.0
"""The words one of which stands in each line that begins a crash, or that names a device or a program.

They are few and rare in other lines, as each costs a search through the whole text; a long one costs less than a short
one. A word that stands in an ordinary line costs time and changes nothing.
"""

from __future__ import annotations

WORDS = (
    b"gister dump:",
    b"acktrace",
    b"ssert",
    b"***",
    b"CORRUPT",
    b"FATAL",
    b"atchdog got trig",
    b",boot:0x",
    b"ELF file SHA256",
    b"rownout",
    b"to allocate",
    b"lloc(): ",
    b"ree(): ",
    b"tack overflow",
    b"stack>>>",
    b"ut of memory",
    b"caller 0x",
    b"core dumped)",
    b"MT1 ",
)  # fmt: skip
# These stand a few lines above one of those, unless the text is cut there: large pieces are not searched for them.
MORE = (
    b"uru Meditation",
    b"FAULT",
    b"EXCEPTION",
    b"rst cause:",
    b"terminate called",
    b"Aborted",
    b"ation fault",
    b"abort() was",
    b"PANIC",
    b"ASSERT",
    b"xception (",
    b"mcause: ",
    b"ardFault",
    b"panicked at",
    b"WDT reset",
    b"ESP-IDF:",
    b"ESP-ROM:",
    b"NuttShell",
    b"lloc fail",
    b"_chunk(): ",
    b"ouble free",
    b"free null pointer",
    b"corrupted ",
    b"smashing",
    b"ESP_ERROR_CHECK",
    b"uild-id",
    b"Sanitizer",
    b"No poison",
    b"bad_alloc",
    b"bad data block",
)  # fmt: skip
