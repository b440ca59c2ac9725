# SPDX-License-Identifier: Apache-2.0
"""`memtrace watch` in GDB: one breakpoint where the victim's call comes back to, then one hardware watchpoint.

Approach: the breakpoint's condition looks whether this was the call that is waited for, by the ring's newest events; if
so GDB stops unseen, and the breakpoint's own commands set the watchpoint and continue, because a condition may not set
one. The watchpoint's condition lets the allocator's writes pass, and what an owner writes into its own block. Both stay
through a restart and a new connection: when the ring begins anew, the call is looked for again.
Rejected: a watchpoint on the ring's slot of that event (the number shifts from run to run); gdb.post_event (never runs
in batch); a software watchpoint (steps through everything).
Cost: at each return to that place a header and 64 events of the ring; at each write to the word some frames.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import Callable, Iterator, Optional, Tuple

import gdb

from gdbext.analyse.watch import Tally, owner_writes
from gdbext.heap.names import is_allocator
from gdbext.model.errors import UserError
from gdbext.model.events import Event
from gdbext.model.said import Trouble
from gdbext.model.watch import Watched, WatchPlan
from gdbext.source.gdb_inferior import inferior_key, is_core, is_fragile
from gdbext.source.memory import NoTarget
from gdbext.symbols.gdb_symbols import address_of
from gdbext.target.gdb import GdbBytes
from gdbext.trace.format import HEADER_BYTES
from gdbext.trace.ring import read_newest, read_ring

_NEWEST_LOOKED_AT = 64
_FRAMES_LOOKED_AT = 12
_MOST_FRAMES = 24
_TYPES = {4: "unsigned int", 8: "unsigned long long"}
# What a breakpoint runs is GDB's language, which has no objects of ours.
_GO_ON = '__import__("gdbext.faces.gdb", fromlist=["gdb"]).session().go_on_watching()'
_LIMIT = "hardware-watchpoint-limit"


class Point(gdb.Breakpoint):
    """A breakpoint or watchpoint that stops where its watch says so."""

    def __init__(self, is_it: Callable[[], bool], what: str, kind: int) -> None:
        super().__init__(what, kind, gdb.WP_WRITE, internal=True)
        self.silent = True
        self._is_it = is_it

    def stop(self) -> bool:
        """Whether this is what is waited for."""
        return self._is_it()


class GdbWatcher:
    """At most one watch at a time."""

    def __init__(self, world: GdbBytes) -> None:
        self._world = world
        self._call: Optional[Point] = None  # where the call comes back to that makes the word the allocator's own
        self._word: Optional[Point] = None
        self._tally: Optional[Tally] = None
        self._now = Watched()
        self._connection = inferior_key()

    def watched(self) -> Watched:
        """How far it has come."""
        return self._now

    def arm(self, plan: WatchPlan) -> None:
        """Waits for the plan's call; without one watches its word at once. UserError where no unit is left."""
        self.disarm()
        if is_core():
            raise UserError("a core dump does not run: a watch needs a live target")
        if is_fragile():
            raise UserError(
                "the stub on the chip takes no watchpoints, and nothing runs there: a watch needs OpenOCD or QEMU"
            )
        told = re.search(r"\d+", gdb.execute(f"show remote {_LIMIT}", to_string=True))
        kinds = (gdb.BP_HARDWARE_WATCHPOINT, gdb.BP_READ_WATCHPOINT, gdb.BP_ACCESS_WATCHPOINT)
        taken = sum(point.enabled and point.type in kinds for point in gdb.breakpoints())
        if told is not None and taken + 1 > int(told[0]):
            raise UserError(
                f"the chip has {told[0]} watchpoints (`show remote {_LIMIT}`), and {taken} of them are taken: "
                "delete one of yours (`info watchpoints`), or raise the limit if it is not the chip's"
            )
        self._tally = Tally(plan)
        self._connection = inferior_key()
        if plan.stop is None:
            self._now = Watched(plan=plan, address=plan.address)
            self.go_on()
            return
        self._call = Point(self.is_reached, f"*{plan.stop:#x}", gdb.BP_BREAKPOINT)
        self._call.commands = f"python {_GO_ON}\ncontinue"
        self._now = Watched("waiting", plan=plan)

    def go_on(self) -> None:
        """The call has been reached: watches the word."""
        address, plan = self._now.address, self._now.plan
        if address is None or plan is None:
            raise UserError("nothing is waited for: memtrace watch last-damage, or an address")
        _delete(self._word)
        what = f"*({_TYPES[plan.width]} *) {address:#x}"
        self._word = word = Point(self.is_foreign, what, gdb.BP_WATCHPOINT)
        if word.type == gdb.BP_WATCHPOINT:
            self.disarm()
            raise UserError("GDB would watch by single steps, the target offers no watchpoints: nothing is watched")
        self._now = Watched("watching", address, plan, self._value())

    def disarm(self) -> None:
        """Watches nothing."""
        _delete(self._call)
        _delete(self._word)
        self._call = self._word = None
        self._now = Watched()

    def is_reached(self) -> bool:
        """Whether the call is among the newest events, and its word not watched already."""
        with self._world.at_condition():
            address = self._tally.take(self._newest()) if self._tally is not None else None
        if address is None or (self._now.state == "watching" and address == self._now.address):
            return False
        self._now = self._now._replace(address=address)
        return True

    def is_foreign(self) -> bool:
        """Whether a write that has just been made is neither the allocator's nor an owner's into its own block."""
        if any(is_allocator(frame.name() or "") for frame in islice(_frames(), _FRAMES_LOOKED_AT)):
            self._now = self._now._replace(by_allocator=self._now.by_allocator + 1, before=self._value())
            return False
        with self._world.at_condition():
            # Restarted, and not yet at the call again: start-up code writes everywhere.
            waits = self._now.plan is not None and self._now.plan.call is not None
            if address_of("memtrace_ring") is not None and self._ring() is None:
                return False
            if waits and self._tally is not None and self._tally.is_other_run(self._newest()):
                return False
            owned = self._is_owned()
            after = self._value()
        if owned:
            self._now = self._now._replace(by_owner=self._now.by_owner + 1, before=after)
            return False
        thread = gdb.selected_thread()
        name = thread.name if thread is not None else None
        frames = islice(_frames(), _MOST_FRAMES)
        pcs = tuple(frame.pc() for frame in frames if frame.type() != gdb.INLINE_FRAME)
        self._now = self._now._replace(state="written", after=after, stack=pcs, thread=name)
        return True

    def is_hit_by(self, event: gdb.Event) -> bool:
        """Whether a stop is the one that was watched for; the watch is then over."""
        plan = self._now.plan
        moved = self._now.state == "watching" and self._connection != inferior_key()
        if moved and plan is not None and plan.call is not None:
            self.arm(plan)  # a new connection: what was watched may be anything by now
        named = isinstance(event, gdb.BreakpointEvent) and self._word is not None and self._word in event.breakpoints
        hit = named or self._is_hit_unnamed(event)
        if hit:
            now = self._now
            self.disarm()
            self._now = now
        return hit

    def _is_hit_unnamed(self, event: gdb.Event) -> bool:
        """Whether the chip stopped in front of a stranger's write, and its server could not say so.

        OpenOCD 0.12 finds no address in a compressed store: GDB then sees nothing but SIGTRAP. A stop handler cannot
        let the target go on, so the writes that pass unseen elsewhere are said here.
        """
        if self._word is None or isinstance(event, (gdb.BreakpointEvent, gdb.SignalEvent)):
            return False
        if self._now.address is None or _compressed_store() != self._now.address:
            return False
        foreign = self.is_foreign()
        self._now = self._now._replace(after=None)  # not made yet
        if not foreign:
            gdb.write(
                "memtrace: in front of a write of the allocator's own, which this server does not name: continue\n"
            )
        return foreign

    def _is_owned(self) -> bool:
        plan, address = self._now.plan, self._now.address
        if plan is None or address is None or not plan.guarded:
            return False
        ring = self._ring()
        if ring is None:
            return False
        try:
            trace = read_ring(self._world.memory(), ring)
        except (Trouble, NoTarget):
            return False
        return owner_writes(address, plan.width, trace.history)

    def _newest(self) -> Tuple[Event, ...]:
        ring = self._ring()
        try:
            return read_newest(self._world.memory(), ring, _NEWEST_LOOKED_AT) if ring is not None else ()
        except (Trouble, NoTarget):
            return ()

    def _ring(self) -> Optional[int]:
        symbol = address_of("memtrace_ring")
        ring = self._world.memory().word(symbol) if symbol is not None else None
        if not ring:
            return None
        self._world.memory().allow(ring, ring + HEADER_BYTES)
        return ring

    def _value(self) -> Optional[int]:
        plan, address = self._now.plan, self._now.address
        if plan is None or address is None:
            return None
        try:
            return int(gdb.parse_and_eval(f"*({_TYPES[plan.width]} *) {address:#x}"))
        except gdb.error:
            return None


def _frames() -> Iterator[gdb.Frame]:
    """The selected thread's frames, inlined ones included, innermost first, as far as they can be told."""
    try:
        frame: Optional[gdb.Frame] = gdb.newest_frame()
        while frame is not None:
            yield frame
            frame = frame.older()
    except gdb.error:
        return


def _compressed_store() -> Optional[int]:
    """Where the next instruction writes to, if that is c.sw or c.swsp of RISC-V."""
    try:
        frame = gdb.newest_frame()
        if "riscv" not in frame.architecture().name():
            return None
        half = int.from_bytes(bytes(gdb.selected_inferior().read_memory(frame.pc(), 2)), "little")
        if half & 0xE003 == 0xC000:  # c.sw
            offset = (half >> 10 & 7) << 3 | (half >> 6 & 1) << 2 | (half >> 5 & 1) << 6
            return int(gdb.parse_and_eval(f"(unsigned long) $x{8 + (half >> 7 & 7)}")) + offset
        if half & 0xE003 == 0xC002:  # c.swsp
            return int(gdb.parse_and_eval("(unsigned long) $sp")) + ((half >> 9 & 15) << 2 | (half >> 7 & 3) << 6)
    except gdb.error:
        pass  # no frame, no memory: then it is no such stop
    return None


def _delete(point: Optional[gdb.Breakpoint]) -> None:
    if point is not None and point.is_valid():
        point.delete()
