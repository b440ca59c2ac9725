# SPDX-License-Identifier: Apache-2.0
"""`memtrace watch`: stop at whoever writes over a block."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING, Optional

from gdbext.analyse.last import life_of
from gdbext.commands.collect import Collected, collect_trace
from gdbext.commands.host import Host, UserError, Watched
from gdbext.model import WatchedCall, WatchedWrite, WatchReport

if TYPE_CHECKING:
    from gdbext.analyse.watch import WatchPlan

LAST_DAMAGE = "last-damage"


def run_watch(host: Host, options: Namespace) -> WatchReport:
    """Arms, goes on, disarms or only looks, as it is asked; the report's data."""
    from gdbext.analyse.watch import owners_around, plan_address  # not needed by those who only load us

    memory = host.memory()
    mark = memory.mark()
    found = Collected() if options.go else collect_trace(host, options.ring)
    if options.go:
        host.watcher.go_on()
    elif options.what == "off":
        host.watcher.disarm()
    elif options.what == LAST_DAMAGE:
        host.watcher.arm(_last_damage(host))
    elif options.what is not None:
        host.watcher.arm(plan_address(host.address(options.what), found.past, memory.source.pointer_size))
    watched = host.watcher.watched()
    width, is_written = memory.source.pointer_size, watched.state == "written"
    owners = owners_around(watched.address or 0, width, found.history) if is_written else ()
    lives = tuple(life_of(life, host.frames) for life in owners)
    return WatchReport(
        watched.state, watched.address, width, _call(host, watched.plan), _write(host, watched), lives,
        watched.by_allocator, watched.by_owner, *found.closing(memory, mark),
    )  # fmt: skip


def _last_damage(host: Host) -> WatchPlan:
    plan = host.watcher.last_damage
    if plan is None:
        raise UserError("no report of damage so far: let the target run into its assertion, or heap-check, then again")
    return plan


def _call(host: Host, plan: Optional[WatchPlan]) -> Optional[WatchedCall]:
    if plan is None or plan.call is None:
        return None
    call = plan.call
    kind = "freed" if call.size is None else "allocated"
    return WatchedCall(kind, call.payload, call.size, call.seq, plan.count, host.frames(call.stack))


def _write(host: Host, watched: Watched) -> Optional[WatchedWrite]:
    if watched.state != "written":
        return None
    return WatchedWrite(watched.before, watched.after, host.frames(watched.stack), watched.thread)
