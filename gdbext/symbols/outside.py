# SPDX-License-Identifier: Apache-2.0
"""Names addresses outside of GDB: functions, inlined ones too, files and lines of many return addresses at once.

Approach: what was asked before is answered by a cache, the rest by the fastest program that is there, in one batch.
Rejected: one look-up for each address (a process each, or seconds of Python each).
Cost: 1,000 addresses from the cache: some 30 ms of CPU, most of it for imports. Else see symbolisers.py.
Assumptions: a recorded PC is a return address, so the byte before it is the call's. On Arm its lowest bit is a flag.
"""

from __future__ import annotations

from typing import Dict, List, Optional, Sequence, Tuple

from gdbext.loading import load
from gdbext.model.errors import UserError
from gdbext.model.events import Frame, Stack
from gdbext.model.record import replace
from gdbext.model.reports.export import Mapping
from gdbext.model.said import Said, said
from gdbext.source.files import FileError
from gdbext.source.link import Say
from gdbext.symbols.debug_files import debug_file
from gdbext.symbols.elf_head import Head, head_of, sha256_of
from gdbext.symbols.symbol_cache import SymbolCache
from gdbext.symbols.symbol_tools import tools_for

_ARM = 40


class Outside:
    """The names of a program's addresses. `problem` says why there are none, or only poor ones.

    `build_id` is the one that the log tells, `base` the distance from the addresses as linked, `folders` those of
    --symbols, `say` writes a line of progress. UserError if the file is no program.
    """

    def __init__(
        self,
        path: str,
        folders: Sequence[str] = (),
        build_id: Optional[str] = None,
        base: int = 0,
        say: Optional[Say] = None,
    ) -> None:
        try:
            self._head = head_of(path)
        except FileError as problem:
            raise UserError(f"--elf {problem}") from None
        self.build_id = self._head.build_id
        self.machine = self._head.machine
        self._debug = debug_file(self._head, folders)
        self._base, self._say = base, say
        self._known: Dict[int, Stack] = {}  # by recorded PC
        self._is_other = None not in (build_id, self.build_id) and build_id != self.build_id
        self.problem = self._problem(build_id)

    def _problem(self, told: Optional[str]) -> Optional[Said]:
        if self._is_other:
            return said("symbols-of-other-build", file=self._head.path, has=self.build_id, told=told)
        if not self._debug.has_symbols and not self._debug.has_lines:
            return said("symbols-none-in", file=self._head.path)
        return None if self._debug.has_lines else said("symbols-without-lines", file=self._head.path)

    def holds(self, pc: int) -> bool:
        """Tells whether a recorded PC lies in the program's code."""
        return self._head.holds(self._place(pc))

    def mappings(self) -> Tuple[Mapping, ...]:
        """Returns the program's code, where it runs."""
        build_id, base = self.build_id or sha256_of(self._head.path), self._base
        return tuple(Mapping(start + base, end + base, self._head.path, build_id) for start, end in self._head.code)

    def frames_of(self, pcs: Sequence[int]) -> Dict[int, Stack]:
        """Returns the functions around each recorded PC, innermost first; a frame without a name if it is not known."""
        places = {pc: self._place(pc) for pc in pcs if pc not in self._known}
        inside = {pc: place for pc, place in places.items() if self._head.holds(place) and not self._is_other}
        found = _looked_up(self._debug, list(inside.values()), self._say) if inside else {}
        for pc in places:
            frames = found.get(places[pc]) or (Frame(pc),)
            moved = frames[0].pc != pc
            self._known[pc] = tuple(replace(frame, pc=pc) for frame in frames) if moved else frames
        if pcs and not self._is_other and not any(self.holds(pc) for pc in self._known):
            self.problem = said("symbols-of-nothing", file=self._head.path)
        return {pc: self._known[pc] for pc in pcs}

    def _place(self, pc: int) -> int:
        """Returns the address, as linked, of the last byte of a call."""
        return (pc & ~1 if self._head.machine == _ARM else pc) - self._base - 1


def _looked_up(head: Head, places: List[int], say: Optional[Say]) -> Dict[int, Stack]:
    """Returns what is known of places of a file, from the cache or from a program that knows them."""
    tools = tools_for(head.machine) if head.has_lines else []
    cache = SymbolCache(head, tools)
    found = cache.stacks(places)
    missing = [place for place in places if place not in found]
    if missing:
        fresh: Dict[int, Stack] = load("symbols.symbolisers", "stacks_at")(head, missing, tools, say)
        cache.keep(fresh)
        found.update(fresh)
    return found
