# SPDX-License-Identifier: Apache-2.0
"""last-malloc: Show the block that holds an address or held it last, with its owners and their stacks."""

from __future__ import annotations

from argparse import Namespace
from typing import Optional, Tuple

from gdbext.analyse.last import find_place, life_of
from gdbext.collect.collect import collect
from gdbext.collect.collected import Collected
from gdbext.collect.owners import Owners
from gdbext.commands.arguments import ADDRESS, ALL, LIMIT, PREVIOUS, SOURCES
from gdbext.commands.command import Command
from gdbext.commands.filters import limit_of
from gdbext.loading import load
from gdbext.model.events import Generation
from gdbext.model.memory import Place
from gdbext.model.record import replace
from gdbext.model.reports.last import LastReport
from gdbext.report.text.last import last_lines
from gdbext.target.target import Target
from gdbext.trace.wish import Wish

_LIVES_SHOWN = 5  # the newest owners; a busy address has had hundreds


def collect_asked(target: Target, options: Namespace) -> Tuple[Collected, int]:
    """Reads the heaps, the trace, and the address that the user asked for."""
    address = target.bytes.address(options.address)
    return collect(target, options, wish=Wish(track=address)), address


def analyse(asked: Tuple[Collected, int], options: Namespace) -> LastReport:
    """Makes the report: the block and its owners."""
    found, address = asked
    place = load("collect.roles", "Roles")(found).with_role(find_place(found.heaps, found.trace.history, address))

    def size_of(payload: int) -> Optional[int]:
        sizes = (facts.user_size(payload) for facts in found.heaps)
        return next((size for size in sizes if size is not None), None)

    lives = _owned(Owners(found), place, found.trace.history.holding(address, size_of))
    if found.trace.info is not None and not found.trace.info.addressed:
        lives = ()  # the addresses of its blocks stand for none
    if found.target.log is not None:
        place = _place_in_log(lives, address)
    shown = lives[: limit_of(options, _LIVES_SHOWN)]
    generations = tuple(life_of(life, found.target.frames) for life in shown)
    spot = load("collect.places", "spot_outside")(found, address, place)
    return LastReport(*found.closing(), address, place, generations, len(lives) - len(shown), spot)


def _place_in_log(lives: Tuple[Generation, ...], address: int) -> Optional[Place]:
    """Returns where an address lies in the block that had it last. A log knows no more of blocks than was asked for."""
    for life in lives:  # newest first; a free of nothing is one without a size
        if life.size is not None:
            state = "free" if life.is_freed else "used"
            return Place(life.payload, life.payload, life.size, life.size, address - life.payload, state, None)
    return None


def _owned(owners: Owners, place: Optional[Place], lives: Tuple[Generation, ...]) -> Tuple[Generation, ...]:
    """Returns the lives, the present one with the owner's task. Adds a life if the trace has none for a used block."""
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


COMMAND = Command(
    __name__, __doc__, (ADDRESS, *SOURCES, PREVIOUS, LIMIT, ALL), collect_asked, analyse, last_lines, LastReport
)
