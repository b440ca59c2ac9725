# SPDX-License-Identifier: Apache-2.0
"""What the user can set: plain data, mirrored by GDB's `set memtrace ...` and by options of the shell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Tuple


@dataclass
class Settings:
    """Defaults are what most users want every day."""

    auto_stop: bool = True  # one breakpoint where a heap assertion stops
    auto_report: bool = True  # report when it is hit
    limit: int = 20  # entries of a list; 0: all
    color: str = "auto"  # auto, on, off
    memory: str = ""  # further memory that may be read: START,END [START,END ...]
    rsp: str = ""  # HOST:PORT that commands read by our own client, without --rsp; empty: GDB's own target
    plan: str = "auto"  # how heaps are read: auto, bulk, headers


class SettingRow(NamedTuple):
    """One setting as `set memtrace NAME` has it; its default is that of the field of Settings."""

    name: str
    what: str
    choices: Tuple[str, ...] = ()


SETTINGS = (
    SettingRow("auto-stop", "whether memtrace stops at heap assertions", ("on", "off")),
    SettingRow("auto-report", "whether memtrace reports when a heap assertion has stopped the target", ("on", "off")),
    SettingRow("limit", "how many entries lists show (0: all)"),
    SettingRow("color", "whether reports are coloured", ("auto", "on", "off")),
    SettingRow("memory", "further memory that may be read (START,END [START,END ...])"),
    SettingRow("rsp", "the target that commands read without GDB's own connection (HOST:PORT), as with --rsp"),
    SettingRow("plan", "how heaps are read", ("auto", "bulk", "headers")),
)
