# SPDX-License-Identifier: Apache-2.0
"""Names the addresses of a log: those of the files that it says were loaded, else of the program that --elf names.

Approach: what the log tells of programs and files comes with its pieces, and is taken before their addresses are asked.
Addresses are asked in batches, and each once.
Cost: that of Outside and of Modules; a dictionary of stacks.
"""

from __future__ import annotations

from itertools import chain
from typing import Dict, Iterable, Optional, Sequence, Tuple, Union

from gdbext.model.events import ENDED_STACK, Frame, Stack, end_of_stack
from gdbext.model.reports.export import Mapping
from gdbext.model.said import Said
from gdbext.source.link import Say
from gdbext.symbols.modules import Modules, Segments
from gdbext.symbols.outside import Outside
from gdbext.symbols.perf_map import PerfMap


class LogSymbols:
    """The names of one log's addresses. UserError if --elf names no program."""

    def __init__(self, elf: Optional[str], folders: Sequence[str] = (), say: Optional[Say] = None) -> None:
        self._elf, self._folders, self._say = elf, folders, say
        self._program = None if elf is None else Outside(elf, folders, say=say)
        self._modules: Optional[Modules] = None
        self._told: Tuple[Optional[str], int] = (None, 0)  # build-id of the program, and number of loaded files
        self._known: Dict[int, Stack] = {}
        self.made: Optional[PerfMap] = None  # the names of code that was made at run time
        self.named: Dict[int, Stack] = {}  # what the log itself says of addresses
        self.by_monitor: Dict[int, Stack] = {}  # what a monitor has added to the log
        self.libraries: Dict[int, str] = {}  # and of the files that they are in
        self.segments: Dict[Tuple[int, str], Segments] = {}  # and of what was loaded of files, by base and path

    @property
    def build_id(self) -> Optional[str]:
        """The build-id of the program of --elf."""
        return None if self._program is None else self._program.build_id

    @property
    def problems(self) -> Tuple[Said, ...]:
        """Why there are no names, or only poor ones."""
        asked: Union[Modules, Outside, None] = self._modules or self._program
        problem = None if asked is None else asked.problem
        if problem is None or (self._known and self._known.keys() <= self.named.keys()):
            return ()
        if self.named and problem.key == "symbols-of-nothing":
            return ()  # a log that names its own addresses needs no program
        return (problem,)

    @property
    def has_names(self) -> bool:
        """Tells whether there is a file that may have names."""
        return (
            self._modules is not None
            or self._program is not None
            or self.made is not None
            or bool(self.named or self.by_monitor)
        )

    def begin(self, build_id: Optional[str], modules: Sequence[Tuple[int, str, str]]) -> None:
        """Takes what the log has told so far: the build-id of its program, and the files that were loaded."""
        if (build_id, len(modules)) == self._told:
            return
        self._told = build_id, len(modules)
        self._known.clear()
        programs = [] if self._elf is None else [self._elf]
        self._modules = None
        if modules:
            self._modules = Modules(modules, self._folders, programs, self._say, self.segments)
        if self._elf is not None and not modules:
            self._program = Outside(self._elf, self._folders, build_id, say=self._say)

    def prepare(self, addresses: Iterable[int]) -> None:
        """Names many addresses at once, but for those of which the log itself tells all."""
        asked: Union[Modules, Outside, None] = self._modules or self._program
        new = [pc for pc in addresses if pc not in self._known and pc < ENDED_STACK and not self._is_told(pc)]
        if new and asked is not None:
            self._known.update(asked.frames_of(new))

    def frames(self, pcs: Tuple[int, ...]) -> Stack:
        """Returns the frames of a stack, innermost first."""
        self.prepare(pcs)
        end = (end_of_stack(pcs[-1], len(pcs) - 1),) if pcs and pcs[-1] >= ENDED_STACK else ()
        return (*chain.from_iterable(map(self._frames_at, pcs[:-1] if end else pcs)), *end)

    def _frames_at(self, pc: int) -> Stack:
        """Returns what is known of an address: the log's own words, if nobody knows the line or the file's folder. A
        monitor's count where no program has the line.
        """
        found, told = self._known.get(pc), self.named.get(pc)
        if self.made is not None and told is None and (found is None or _is_place(found[-1])):
            made = self.made.frame_at(pc)
            found = found if made is None else (made,)
        is_known = found is not None and found[0].line is not None and found[0].file is not None
        if told is None:
            return (None if is_known else self.by_monitor.get(pc)) or found or (Frame(pc),)
        if found is None or not is_known:
            return told
        is_same = (found[0].file or "").rpartition("/")[2] == told[0].file
        return found if told[0].line is None or is_same else told

    def mappings(self) -> Tuple[Mapping, ...]:
        """Returns the code of the loaded files, else of the program of --elf; nothing if neither is known."""
        asked: Union[Modules, Outside, None] = self._modules or self._program
        return () if asked is None else asked.mappings()

    def _is_told(self, pc: int) -> bool:
        """Tells whether the log itself tells the line of an address, and a file with its folder."""
        told = self.named.get(pc)
        return told is not None and told[0].line is not None and "/" in (told[0].file or "")

    def library(self, pc: int) -> Optional[str]:
        """Returns the name of the loaded file that an address is in; None if the log does not tell."""
        return self.libraries.get(pc) if self._modules is None else self._modules.library(pc)


def _is_place(frame: Frame) -> bool:
    """Tells whether nothing is known of a frame but a place in a file."""
    return frame.function is None or "+0x" in frame.function
