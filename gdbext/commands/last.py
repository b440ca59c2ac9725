# SPDX-License-Identifier: Apache-2.0
"""`memtrace last ADDR`: who has this address, and who had it."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import replace
from typing import Optional, Tuple

from gdbext.analyse.last import find_place, life_of, sizes_of
from gdbext.commands.collect import collect
from gdbext.commands.filters import limit_of
from gdbext.commands.host import Host
from gdbext.commands.owners import Owners
from gdbext.model import Generation, LastReport, Place

# The newest owner and some before it; a busy address has hundreds.
_LIVES_SHOWN = 5


def run_last(host: Host, options: Namespace) -> LastReport:
    """Collects, then analyses; the report's data."""
    memory = host.memory()
    mark = memory.mark()
    address = host.address(options.address)
    found = collect(host, options.heap, options.ring, options.pool)
    place = find_place(found.heaps, found.history, address)
    lives = _owned(Owners(host, found), place, found.history.holding(address, sizes_of(found.heaps)))
    shown = lives[: limit_of(options, _LIVES_SHOWN)]
    generations = tuple(life_of(life, host.frames) for life in shown)
    return LastReport(address, place, generations, len(lives) - len(shown), *found.closing(memory, mark))


def _owned(owners: Owners, place: Optional[Place], lives: Tuple[Generation, ...]) -> Tuple[Generation, ...]:
    """The lives, with the task that the block itself names where the trace does not."""
    if place is None or place.state != "used" or place.heap is None:
        return lives
    owner = owners.of(place.heap, place.payload)
    if owner is None:
        return lives
    if owner.seq is None and not any(life.payload == place.payload and not life.is_freed for life in lives):
        return (Generation(place.payload, None, owner.task, None, ()), *lives)
    return tuple(
        replace(life, task=owner.task) if life.payload == place.payload and not life.is_freed else life
        for life in lives
    )
