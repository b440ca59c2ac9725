# SPDX-License-Identifier: Apache-2.0
"""What the user can set: plain data, mirrored by GDB's `set memtrace ...` and by options of the shell."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Settings:
    """Defaults are what most users want every day."""

    auto_stop: bool = True  # one breakpoint where a heap assertion stops
    auto_report: bool = True  # report when it is hit
    limit: int = 20  # entries of a list; 0: all
    color: str = "auto"  # auto, on, off
    memory: str = ""  # further memory that may be read: START,END [START,END ...]
    plan: str = "auto"  # how heaps are read: auto, bulk, headers
