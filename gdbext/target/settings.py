# SPDX-License-Identifier: Apache-2.0
"""The user's settings: plain data, set by GDB's `set memtrace ...` and by options of the shell."""

from __future__ import annotations

from typing import NamedTuple, Tuple


class Settings:
    """The settings, with defaults for everyday use."""

    def __init__(self) -> None:
        self.auto_stop = True  # a breakpoint on failed heap assertions
        self.stop_on_failure = False  # a breakpoint where an allocation fails
        self.auto_report = True  # report when it is hit
        self.limit = 20  # entries of a list; 0: all
        self.color = "auto"  # auto, on, off
        self.memory = ""  # further memory that may be read: START,END [START,END ...]
        self.rsp = ""  # HOST:PORT that commands without --rsp read by memtrace's own client; empty: GDB's target
        self.plan = "auto"  # how heaps are read: auto, bulk, headers


class Declared(NamedTuple):
    """One `set memtrace NAME`. Its default is that of the field of Settings."""

    name: str
    what: str
    values: Tuple[Tuple[str, str], ...]  # each with what it does; "" is nothing, capitals stand for many values

    @property
    def choices(self) -> Tuple[str, ...]:
        """Returns the values if there are no others; else ()."""
        return tuple(value for value, _ in self.values if value.islower())


SETTINGS = (
    Declared(
        "auto-stop",
        "whether memtrace stops where the program dies: at assertions, aborts and faults",
        (("on", "by a breakpoint of its own; `memtrace status` says where"), ("off", "no breakpoint is used")),
    ),
    Declared(
        "stop-on-failure",
        "whether memtrace stops where an allocation fails, and says who asked and what lives there",
        (
            (
                "on",
                "by one breakpoint: at ESP-IDF's heap_caps_alloc_failed it says why, too; FreeRTOS's "
                "vApplicationMallocFailedHook does not tell the size: give heap-free --for SIZE",
            ),
            ("off", "no breakpoint is used"),
        ),
    ),
    Declared(
        "auto-report",
        "whether memtrace reports when a heap assertion has stopped the target",
        (("on", "heap-check runs by itself there"), ("off", "one line names the command")),
    ),
    Declared(
        "limit",
        "how many entries lists show",
        (("N", "so many; --limit and --all of a command go before it"), ("0", "all")),
    ),
    Declared(
        "color",
        "whether reports are coloured",
        (
            ("auto", "as `set style enabled` says, and never with NO_COLOR or on a dumb terminal"),
            ("on", "always"),
            ("off", "never"),
        ),
    ),
    Declared(
        "memory",
        "further memory that may be read",
        (
            (
                "START,END [START,END ...]",
                "these ranges (0x... or decimal), beside what the program, the target's memory map and heaps name",
            ),
            ("", "no more than that"),
        ),
    ),
    Declared(
        "rsp",
        "the target that commands read without GDB's own connection",
        (("HOST:PORT", "read by memtrace's own client, as with --rsp"), ("", "what GDB is connected to")),
    ),
    Declared(
        "plan",
        "how heaps are read",
        (
            ("auto", "bulk or headers, whichever the link has shown to be faster"),
            ("bulk", "whole heaps in large reads: few round trips"),
            ("headers", "the headers of the blocks alone, and the bytes around damage: few bytes"),
        ),
    ),
)
