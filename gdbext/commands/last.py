# SPDX-License-Identifier: Apache-2.0
"""`memtrace last ADDR`: who has this address, and who had it."""

from __future__ import annotations

from argparse import Namespace

from gdbext.analyse.last import find_lives, find_place
from gdbext.commands.collect import collect
from gdbext.commands.host import Host
from gdbext.model import LastReport


def run_last(host: Host, options: Namespace) -> LastReport:
    """Collects, then analyses; the report's data."""
    memory = host.memory()
    mark = memory.mark()
    address = host.address(options.address)
    found = collect(host, options.heap, options.ring)
    place = find_place(found.heaps, found.history, address)
    lives = find_lives(found.heaps, found.history, host.frames, address)
    return LastReport(address, place, lives, found.trace_info, tuple(found.skipped), memory.cost_since(mark))
