# SPDX-License-Identifier: Apache-2.0
"""`memtrace watch` in GDB: a breakpoint where the victim's call returns to, then one hardware watchpoint.

Approach: the breakpoint's condition reads the ring's newest events to see whether the awaited call has just returned.
If so, GDB stops silently, and the breakpoint's own commands set the watchpoint and continue: a condition must not set
one. The watchpoint's condition ignores writes of the allocator, and writes of an owner into its own block. Both points
survive a restart and a new connection. When the ring begins anew, the call is looked for again.
Rejected: a watchpoint on the ring slot of that event (its number shifts from run to run); gdb.post_event (never runs
in batch mode); a software watchpoint (steps through everything).
At each stop the word is read again: if it differs and no write was seen, no core has written it.
Cost: each hit of the breakpoint reads the header and 64 events of the ring; each write to the word looks at up to 12
frames, and reads the trace if they are not the allocator's.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import Callable, Iterator, Optional, Tuple

import gdb

from gdbext.analyse.watch import Tally, owner_writes
from gdbext.faces.gdb_terminal import put
from gdbext.heap.names import is_allocator
from gdbext.model.errors import UserError
from gdbext.model.events import Event
from gdbext.model.said import Trouble
from gdbext.model.watch import Watched, WatchPlan
from gdbext.source.gdb_inferior import inferior_key, is_core, is_fragile, is_watchpoint_refused
from gdbext.source.memory import NoTarget
from gdbext.symbols.gdb_symbols import address_of
from gdbext.target.gdb import GdbBytes
from gdbext.trace.format import HEADER_BYTES
from gdbext.trace.ring import read_newest, read_ring

_NEWEST_LOOKED_AT = 64
_FRAMES_LOOKED_AT = 12
_MOST_FRAMES = 24
_TYPES = {4: "unsigned int", 8: "unsigned long long"}
# The commands of a breakpoint are text in GDB's language: they must import the session to reach it.
_GO_ON = '__import__("gdbext.faces.gdb", fromlist=["gdb"]).session().go_on_watching()'
_LIMIT = "hardware-watchpoint-limit"


class Point(gdb.Breakpoint):
    """A breakpoint or watchpoint that asks `must_stop` whether to stop."""

    def __init__(self, must_stop: Callable[[], bool], what: str, kind: int) -> None:
        super().__init__(what, kind, gdb.WP_WRITE, internal=True)
        self.silent = True
        self._must_stop = must_stop

    def stop(self) -> bool:
        """Tells GDB whether to stop here."""
        return self._must_stop()


class GdbWatcher:
    """Watches one word of memory. A new watch ends the one before."""

    def __init__(self, target_bytes: GdbBytes) -> None:
        self._bytes = target_bytes
        self._call: Optional[Point] = None  # at the plan's `stop`, a return address of its call
        self._word: Optional[Point] = None  # the watchpoint
        self._tally: Optional[Tally] = None
        self._now = Watched()
        self._connection = inferior_key()

    def watched(self) -> Watched:
        """Returns the state of the watch."""
        return self._now

    def arm(self, plan: WatchPlan) -> None:
        """Waits for the plan's call. Without a call, watches the word at once.

        Raises UserError if the target has no free watchpoint.
        """
        self.disarm()
        if is_core():
            raise UserError("a core dump does not run: a watch needs a live target")
        if is_fragile():
            raise UserError(
                "the stub on the chip takes no watchpoints, and nothing runs there: a watch needs OpenOCD or QEMU"
            )
        limit = re.search(r"\d+", gdb.execute(f"show remote {_LIMIT}", to_string=True))
        kinds = (gdb.BP_HARDWARE_WATCHPOINT, gdb.BP_READ_WATCHPOINT, gdb.BP_ACCESS_WATCHPOINT)
        taken = sum(point.enabled and point.type in kinds for point in gdb.breakpoints())
        if limit is not None and taken + 1 > int(limit[0]):
            raise UserError(
                f"the chip has {limit[0]} watchpoints (`show remote {_LIMIT}`), and {taken} of them are taken: "
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
        """Watches the word from now on. Raises UserError if there is none, or if GDB could only single-step."""
        address, plan = self._now.address, self._now.plan
        if address is None or plan is None:
            raise UserError("nothing is waited for: memtrace watch last-damage, or an address")
        _delete(self._word)
        what = f"*({_TYPES[plan.width]} *) {address:#x}"
        self._word = word = Point(self.is_foreign, what, gdb.BP_WATCHPOINT)
        if word.type == gdb.BP_WATCHPOINT:
            self.disarm()
            raise UserError("GDB would watch by single steps, the target offers no watchpoints: nothing is watched")
        self.require_unit()
        self._now = Watched("watching", address, plan, self._value())

    def look_again(self) -> bool:
        """Tells whether the word has changed although no core's write was seen. If so, ends the watch."""
        if self._now.state != "watching" or self._now.before is None or self._connection != inferior_key():
            return False
        with self._bytes.at_condition():
            after, is_other_run = self._value(), self._is_starting()
        if is_other_run or after is None or after == self._now.before:
            return False
        now = self._now._replace(state="changed", after=after)
        self.disarm()
        self._now = now
        return True

    def written_here(self, event: gdb.MemoryChangedEvent) -> None:
        """Takes note of a write that the user made in GDB."""
        address, plan = self._now.address, self._now.plan
        if address is None or plan is None or self._now.state != "watching":
            return
        if event.address < address + plan.width and address < event.address + event.length:
            self._now = self._now._replace(before=self._value())

    def require_unit(self) -> None:
        """Ends the watch and raises UserError if the target has no unit for it: GDB itself asks only at a resume."""
        plan, address = self._now.plan, self._now.address
        if self._word is None or address is None or plan is None or not is_watchpoint_refused(address, plan.width):
            return
        self.disarm()
        raise UserError(
            "the target takes no watchpoint here: it has no unit for it, or all are taken (`info breakpoints`); "
            "nothing is watched"
        )

    def disarm(self) -> None:
        """Ends the watch and removes its points."""
        _delete(self._call)
        _delete(self._word)
        self._call = self._word = None
        self._now = Watched()

    def is_reached(self) -> bool:
        """Tells whether the awaited call is among the newest events. False if its word is being watched already."""
        with self._bytes.at_condition():
            address = self._tally.take(self._newest()) if self._tally is not None else None
        if address is None or (self._now.state == "watching" and address == self._now.address):
            return False
        self._now = self._now._replace(address=address)
        return True

    def is_foreign(self) -> bool:
        """Tells whether the last write to the word is foreign: not the allocator's, nor an owner's into its block."""
        if any(is_allocator(frame.name() or "") for frame in islice(_frames(), _FRAMES_LOOKED_AT)):
            self._now = self._now._replace(by_allocator=self._now.by_allocator + 1, before=self._value())
            return False
        with self._bytes.at_condition():
            if self._is_starting():
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
        """Tells whether a stop is the foreign write that was watched for. If so, ends the watch."""
        plan = self._now.plan
        moved = self._now.state == "watching" and self._connection != inferior_key()
        if moved and plan is not None and plan.call is not None:
            self.arm(plan)  # a new connection: by now the address may belong to anything
        named = isinstance(event, gdb.BreakpointEvent) and self._word is not None and self._word in event.breakpoints
        hit = named or self._is_hit_unnamed(event)
        if hit:
            now = self._now
            self.disarm()
            self._now = now
        return hit

    def _is_hit_unnamed(self, event: gdb.Event) -> bool:
        """Tells whether the chip has stopped before a foreign write that its server could not name.

        OpenOCD 0.12 finds no address in a compressed store, so GDB sees only a SIGTRAP. A stop handler cannot let the
        target continue: a line tells the user to do so after a write of the allocator or of the owner.
        """
        if self._word is None or isinstance(event, (gdb.BreakpointEvent, gdb.SignalEvent)):
            return False
        if self._now.address is None or _compressed_store() != self._now.address:
            return False
        foreign = self.is_foreign()
        self._now = self._now._replace(after=None)  # the write has not happened yet
        if not foreign:
            put("memtrace: in front of a write of the allocator's own, which this server does not name: continue")
        return foreign

    def _is_starting(self) -> bool:
        """Tells whether this is another run. Until the call is reached again, start-up code writes everywhere."""
        waits = self._now.plan is not None and self._now.plan.call is not None
        if address_of("memtrace_ring") is not None and self._ring() is None:
            return True
        return waits and self._tally is not None and self._tally.is_other_run(self._newest())

    def _is_owned(self) -> bool:
        plan, address = self._now.plan, self._now.address
        if plan is None or address is None or not plan.guarded:
            return False
        ring = self._ring()
        if ring is None:
            return False
        try:
            trace = read_ring(self._bytes.memory(), ring)
        except (Trouble, NoTarget):
            return False
        return owner_writes(address, plan.width, trace.history)

    def _newest(self) -> Tuple[Event, ...]:
        ring = self._ring()
        try:
            return read_newest(self._bytes.memory(), ring, _NEWEST_LOOKED_AT) if ring is not None else ()
        except (Trouble, NoTarget):
            return ()

    def _ring(self) -> Optional[int]:
        symbol = address_of("memtrace_ring")
        ring = self._bytes.memory().word(symbol) if symbol is not None else None
        if not ring:
            return None
        self._bytes.memory().allow(ring, ring + HEADER_BYTES)
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
    """Yields the frames of the selected thread, innermost first, with inlined ones. Ends where GDB cannot unwind."""
    try:
        frame: Optional[gdb.Frame] = gdb.newest_frame()
        while frame is not None:
            yield frame
            frame = frame.older()
    except gdb.error:
        return


def _compressed_store() -> Optional[int]:
    """Returns the address that the next instruction writes to. None unless it is c.sw or c.swsp of RISC-V."""
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
        pass  # no frame or no memory: nothing is known about the next instruction
    return None


def _delete(point: Optional[gdb.Breakpoint]) -> None:
    if point is not None and point.is_valid():
        point.delete()
