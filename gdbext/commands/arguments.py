# SPDX-License-Identifier: Apache-2.0
"""The arguments that several commands share."""

from __future__ import annotations

from gdbext.commands.command import Argument

HEAP = Argument(
    "--heap",
    "look at this heap only; repeatable. Without it: every heap that symbols lead to",
    {"action": "append", "default": [], "metavar": "KIND@ADDRESS"},
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
ADDRESS = Argument("address", "any address in or around the block", {"metavar": "ADDRESS"})
ALL = Argument("--all", "list everything", {"action": "store_true"})
LIMIT = Argument(
    "--limit", "list at most N entries (default: the setting `limit`; owners of an address: 5)", {"metavar": "N"}
)
SIZE = Argument("--size", "bytes: MIN:MAX, MIN:, :MAX or N", {"metavar": "RANGE"})
WHERE = Argument("--address", "addresses: START:END, START:, :END", {"metavar": "RANGE"})
TASK = Argument("--task", "of this task only", {"metavar": "NAME"})
CALLER = Argument("--caller", "only where a frame's function or file contains TEXT", {"metavar": "TEXT"})
SCAN = Argument(
    "--scan",
    "scan this memory too for pointers, beside globals, stacks and registers; repeatable",
    {"action": "append", "default": [], "metavar": "START,END"},
)
TRACE = (RING, SEARCH)
SOURCES = (HEAP, POOL, *TRACE, RSP)
