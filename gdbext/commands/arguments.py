# SPDX-License-Identifier: Apache-2.0
"""The arguments that several commands share."""

from __future__ import annotations

import os
from functools import partial
from typing import List, Tuple

from gdbext.commands.command import Argument
from gdbext.commands.filters import decimal, parse_range
from gdbext.model.errors import UserError
from gdbext.source.known import parse_ranges
from gdbext.target.formats import region_named


def _heap(text: str) -> str:
    """Refuses a kind of heap that is not known, before anything is read. What its address means is the target's."""
    region_named(text, lambda _: 0)
    return text


def _scan(text: str) -> List[Tuple[int, int]]:
    try:
        return parse_ranges(text)
    except ValueError as problem:
        raise UserError(f"--scan {problem}") from None


def folder(text: str) -> str:
    """Returns the value of --symbols. UserError if it is no folder."""
    if not os.path.isdir(text):
        raise UserError(f"--symbols {text}: there is no such folder")
    return text


def _process(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 1 << 31:
        raise UserError(f"--pid {text}: the number of a process")
    return int(text)


HEAP = Argument(
    "--heap",
    "look at this heap only; repeatable. Without it: every heap that symbols lead to",
    {"action": "append", "default": [], "metavar": "KIND@ADDRESS", "type": _heap},
)
POOL = Argument(
    "--pool",
    "memory that the heap was given besides: a pool of a TLSF, a region of a heap_5; repeatable",
    {"action": "append", "default": [], "metavar": "START,END"},
)
RING = Argument(
    "--ring", "address of the ring's header. Without it: what memtrace_ring points to", {"metavar": "ADDRESS"}
)
SEARCH = Argument(
    "--search",
    "look for heaps and the ring between START and END; what that costs is said first",
    {"metavar": "START,END"},
)
RSP = Argument(
    "--rsp",
    "read the target at HOST:PORT by memtrace's own client of the remote protocol: QEMU, OpenOCD, a stub on the chip",
    {"metavar": "HOST:PORT"},
)
PID = Argument(
    "--pid",
    "ask this process, which memtrace run or LD_PRELOAD has under the recorder, and wait for it",
    {"metavar": "PID", "type": _process},
)
PARTITION = Argument("--partition", "of a flash image: look in this partition only", {"metavar": "NAME"})
PATH = Argument("--path", "of a flash image: the file that is meant, where it has several logs", {"metavar": "FILE"})
PORT = Argument(
    "--port",
    "read the flash of the chip at this serial port, by esptool: the partition that the build says",
    {"metavar": "PORT"},
)
BUILD = Argument("--build", "with --port: the folder of `idf.py build`", {"metavar": "DIR"})
ADDRESS = Argument("address", "any address in or around the block", {"metavar": "ADDRESS"})
ALL = Argument("--all", "list everything", {"action": "store_true"})
LIMIT = Argument(
    "--limit",
    "list at most N entries (default: the setting `limit`; owners of an address: 5)",
    {"metavar": "N", "type": decimal},
)
SIZE = Argument(
    "--size",
    "bytes: MIN:MAX, MIN:, :MAX or N",
    {"metavar": "RANGE", "type": partial(parse_range, "--size", number=decimal)},
)
WHERE = Argument("--address", "addresses: START:END, START:, :END", {"metavar": "RANGE"})
TASK = Argument("--task", "of this task only", {"metavar": "NAME"})
CALLER = Argument("--caller", "only where a frame's function or file contains TEXT", {"metavar": "TEXT"})
SCAN = Argument(
    "--scan",
    "scan this memory too for pointers, beside globals, stacks and registers; repeatable",
    {"action": "append", "default": [], "metavar": "START,END", "type": _scan},
)
TRACE = (RING, SEARCH)
PREVIOUS = Argument(
    "--previous",
    "read the trace of the run before, which the recorder kept over the reset, in place of this run's; no heap is read",
    {"action": "store_true"},
)
SOURCES = (HEAP, POOL, *TRACE, RSP)
