# SPDX-License-Identifier: Apache-2.0
"""memtrace watch, in GDB: Stop at whoever writes over a block: in the next run after damage was found, or at once."""

from __future__ import annotations

from argparse import Namespace
from typing import Optional

from gdbext.analyse.last import life_of
from gdbext.analyse.watch import GIVEN_BACK, copiers_in, owners_around, plan_address
from gdbext.collect.collect import collect_trace
from gdbext.collect.collected import Collected
from gdbext.commands.arguments import TRACE
from gdbext.commands.command import Argument, Command
from gdbext.model.errors import UserError
from gdbext.model.reports.watch import WatchedCall, WatchedWrite, WatchReport
from gdbext.model.said import said
from gdbext.report.text.watch import watch_lines
from gdbext.target.target import Target

_WHAT = Argument(
    "what",
    "an address, or the word that the last report found damaged, or off; without it: how far the watch has come",
    {"metavar": "ADDRESS|last-damage|off", "nargs": "?"},
)
_ENDED = ("written", "changed")


def collect_watched(target: Target, options: Namespace) -> Collected:
    """Reads the trace. Starts or ends the watch if the user asked for it."""
    found, watcher = collect_trace(target, options), target.debugger.watcher
    if options.what == "off":
        watcher.disarm()
    elif options.what == "last-damage":
        if target.debugger.last_damage is None:
            raise UserError(
                "no report of damage so far: let the target run into its assertion, or heap-check, then again"
            )
        watcher.arm(target.debugger.last_damage)
    elif options.what is None:
        if not watcher.look_again():
            watcher.require_unit()
    else:
        address, width = target.bytes.address(options.what), found.memory.source.pointer_size
        watcher.arm(plan_address(address, found.trace, width))
    return found


def analyse(found: Collected, options: Optional[Namespace] = None) -> WatchReport:
    """Makes the report: how far the watch has come."""
    target = found.target
    watched, width = target.debugger.watcher.watched(), found.memory.source.pointer_size
    owners = owners_around(watched.address or 0, width, found.trace.history) if watched.state in _ENDED else ()
    lives = tuple(life_of(life, target.frames) for life in owners)
    call, write, plan = None, None, watched.plan
    if plan is not None and plan.call is not None:
        made, stack = plan.call, target.frames(plan.call.stack)
        kind, size = ("freed", None) if made.kind in GIVEN_BACK else ("allocated", made.size)
        call = WatchedCall(kind, made.address, size, made.seq, plan.count, stack)
    if watched.state in _ENDED:
        stack = target.frames(watched.stack)
        write = WatchedWrite(watched.before, watched.after, stack, watched.thread, copiers_in(stack))
    return WatchReport(
        *found.closing(), watched.state, watched.address, width, call, write, lives, watched.by_allocator,
        watched.by_owner, said("next-refs", address=watched.address) if watched.state == "changed" else None,
    )  # fmt: skip


COMMAND = Command(__name__, __doc__, (_WHAT, *TRACE), collect_watched, analyse, watch_lines, WatchReport)
