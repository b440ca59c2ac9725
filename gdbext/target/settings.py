# SPDX-License-Identifier: Apache-2.0
"""The user's settings: plain data, set by GDB's `set memtrace ...` and by options of the shell."""

from __future__ import annotations

from typing import Tuple


class Settings:
    """The settings, with defaults for everyday use."""

    def __init__(self) -> None:
        self.auto_stop = True  # a breakpoint on failed heap assertions
        self.auto_report = True  # report when it is hit
        self.limit = 20  # entries of a list; 0: all
        self.color = "auto"  # auto, on, off
        self.memory = ""  # further memory that may be read: START,END [START,END ...]
        self.rsp = ""  # HOST:PORT that commands without --rsp read by memtrace's own client; empty: GDB's target
        self.plan = "auto"  # how heaps are read: auto, bulk, headers


# Name, help text and choices of each `set memtrace NAME`. The default is that of the field of Settings.
SETTINGS: Tuple[Tuple[str, str, Tuple[str, ...]], ...] = (
    ("auto-stop", "whether memtrace stops where the program dies: at assertions, aborts and faults", ("on", "off")),
    ("auto-report", "whether memtrace reports when a heap assertion has stopped the target", ("on", "off")),
    ("limit", "how many entries lists show (0: all)", ()),
    ("color", "whether reports are coloured", ("auto", "on", "off")),
    ("memory", "further memory that may be read (START,END [START,END ...])", ()),
    ("rsp", "the target that commands read without GDB's own connection (HOST:PORT), as with --rsp", ()),
    ("plan", "how heaps are read", ("auto", "bulk", "headers")),
)
