# SPDX-License-Identifier: Apache-2.0
"""Names the addresses of a console's text by the programs that the user has given: those that the text is of.

Approach: ESP-IDF prints the first digits of the SHA-256 of its ELF file. A file with another sum is another build, and
names nothing. If one of several files is the right one, the others name what lies outside of it: a mask ROM.
Where the text tells no sum, all are asked.
Rejected: names of a wrong build with a warning (they are believed).
Cost: the sum of each file, once, if a sum is told; names are asked in batches.
"""

from __future__ import annotations

import hashlib
import os
from functools import cached_property
from typing import Callable, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Sequence

from gdbext.model.errors import UserError
from gdbext.model.events import Stack
from gdbext.model.record import replace
from gdbext.source.link import Say
from gdbext.symbols.outside import Outside

_PIECE_BYTES = 1 << 20
_ARM = 40
_DEEPEST, _MOST_FILES = 3, 256
_PROGRAM = ".elf"

# Given addresses, of calls or of PCs themselves, returns the functions at those that are known, innermost first.
Lookup = Callable[[Sequence[int]], Mapping[int, Stack]]


class Program:
    """One file. UserError if it is no program."""

    def __init__(self, path: str, folders: Sequence[str] = (), say: Optional[Say] = None) -> None:
        self.path = path
        self._outside = Outside(path, folders, say=say)
        self.machine = self._outside.machine

    @cached_property
    def sha256(self) -> str:
        """The sum of the file."""
        total = hashlib.sha256()
        with open(self.path, "rb") as file:
            for piece in iter(lambda: file.read(_PIECE_BYTES), b""):
                total.update(piece)
        return total.hexdigest()

    @property
    def build_id(self) -> Optional[str]:
        """Its build-id."""
        return self._outside.build_id

    def holds(self, address: int) -> bool:
        """Tells whether an address lies in its code."""
        return self._outside.holds(self._asked(address))

    def frames_at(self, addresses: Sequence[int]) -> Dict[int, Stack]:
        """Returns the functions at addresses, innermost first, of those that have names."""
        asked = {address: self._asked(address) for address in addresses if self.holds(address)}
        found = self._outside.frames_of(list(asked.values())) if asked else {}
        named = {address: found[pc] for address, pc in asked.items() if found[pc][0].function or found[pc][0].file}
        return {address: tuple(replace(one, pc=address) for one in stack) for address, stack in named.items()}

    def _asked(self, address: int) -> int:
        """Returns the return address of a call at an address: symbols look at the byte before."""
        return (address & ~1) + 2 if self.machine == _ARM else address + 1


class Chosen(NamedTuple):
    """What names the addresses of one start of a device."""

    lookup: Optional[Lookup]  # None: nothing does
    program: Optional[Program]  # the right one, or the only one
    other: Optional[Program] = None  # one that was given, and is of another build than the text

    @property
    def is_wrong(self) -> bool:
        """Tells whether there are programs, and none is the right one."""
        return self.lookup is None and self.other is not None


class Programs:
    """All programs that were given."""

    def __init__(self, paths: Sequence[str], folders: Sequence[str] = (), say: Optional[Say] = None) -> None:
        self._given = [Program(path, folders, say) for path in paths]
        self._folders, self._say = folders, say
        self._chosen: Dict[object, Chosen] = {}

    @property
    def paths(self) -> List[str]:
        """The files that were given by name."""
        return [program.path for program in self._given]

    def of(self, sha: Optional[str], build_id: Optional[str] = None) -> Chosen:
        """Returns what names the addresses of a program with this sum, as far as it is told, or this build-id."""
        key = sha, build_id
        if key not in self._chosen:
            self._chosen[key] = self._choice(sha, build_id)
        return self._chosen[key]

    def _choice(self, sha: Optional[str], build_id: Optional[str]) -> Chosen:
        if sha is None and build_id is None:
            return Chosen(_asking(self._given), self._given[0]) if self._given else Chosen(None, None)
        programs = [*self._given, *self._found()]
        right = [one for one in programs if _fits(one, sha, build_id)]
        if not right:
            return Chosen(None, None, self._given[0] if self._given else None)
        return Chosen(_asking([right[0], *[one for one in self._given if one is not right[0]]]), right[0])

    def _found(self) -> Iterator[Program]:
        """Yields the programs in the folders of --symbols."""
        for path in _programs_in(self._folders):
            try:
                yield Program(path, self._folders, self._say)
            except UserError:
                continue


def _fits(program: Program, sha: Optional[str], build_id: Optional[str]) -> bool:
    try:
        if sha is not None:
            return program.sha256.startswith(sha)
        return build_id is not None and (program.build_id or "").startswith(build_id)
    except OSError:
        return False


def _asking(programs: Sequence[Program]) -> Lookup:
    def lookup(addresses: Sequence[int]) -> Mapping[int, Stack]:
        found: Dict[int, Stack] = {}
        for program in programs:
            found.update(program.frames_at([one for one in addresses if one not in found]))
        return found

    return lookup


def _programs_in(folders: Iterable[str]) -> List[str]:
    found: List[str] = []
    for top in folders:
        depth = top.rstrip(os.sep).count(os.sep)
        for folder, below, names in os.walk(top):
            below[:] = sorted(below) if folder.count(os.sep) - depth < _DEEPEST else []
            found += [os.path.join(folder, name) for name in sorted(names) if name.endswith(_PROGRAM)]
            if len(found) >= _MOST_FILES:
                return found[:_MOST_FILES]
    return found
