# SPDX-License-Identifier: Apache-2.0
"""What the user can set: plain data, mirrored by GDB's `set memtrace ...` and by options of the shell."""

from __future__ import annotations

from typing import Tuple


class Settings:
    """Defaults are what most users want every day."""

    def __init__(self) -> None:
        self.auto_stop = True  # one breakpoint where a heap assertion stops
        self.auto_report = True  # report when it is hit
        self.limit = 20  # entries of a list; 0: all
        self.color = "auto"  # auto, on, off
        self.memory = ""  # further memory that may be read: START,END [START,END ...]
        self.rsp = ""  # HOST:PORT that commands read by our own client, without --rsp; empty: GDB's own target
        self.plan = "auto"  # how heaps are read: auto, bulk, headers


# Each as `set memtrace NAME` has it: its name, what it is, its choices. Its default is that of the field of Settings.
SETTINGS: Tuple[Tuple[str, str, Tuple[str, ...]], ...] = (
    ("auto-stop", "whether memtrace stops at heap assertions", ("on", "off")),
    ("auto-report", "whether memtrace reports when a heap assertion has stopped the target", ("on", "off")),
    ("limit", "how many entries lists show (0: all)", ()),
    ("color", "whether reports are coloured", ("auto", "on", "off")),
    ("memory", "further memory that may be read (START,END [START,END ...])", ()),
    ("rsp", "the target that commands read without GDB's own connection (HOST:PORT), as with --rsp", ()),
    ("plan", "how heaps are read", ("auto", "bulk", "headers")),
)
