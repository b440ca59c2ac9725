# SPDX-License-Identifier: Apache-2.0
"""Sorts the owners of a log into the nodes that a report shows, before its events are replayed.

Approach: a replay asks once for each owner which nodes it belongs to: its site, each directory, file and line of it in
the tree, its task, module, library and heap. So the replay keeps a peak for each node, which nobody could make of the
peaks of its parts. What this needs to know of names and frames is given.
Rejected: sums made after the replay (a directory's peak is not the sum of its files' peaks).
Cost: some 20 microseconds for each owner, when its frames are known.
"""

from __future__ import annotations

from typing import Callable, Dict, List, NamedTuple, Optional, Protocol, Sequence, Tuple

from gdbext.analyse.profile.sites import Place, from_site, parts_of, path_of
from gdbext.model.events import Stack
from gdbext.model.profile import Owner, Profile, Use
from gdbext.model.record import Record

Key = Tuple[str, ...]  # the kind of a node, then its names
SITE, TREE, TASK, MODULE, LIBRARY, HEAP = "site", "tree", "task", "module", "library", "heap"


class Names(Protocol):
    """What a log calls its numbers."""

    def task(self, context: int) -> Optional[str]:
        """Returns the name of a context; None if it has none."""

    def module(self, tag: int) -> Optional[str]:
        """Returns the name of a tag; None for 0."""

    def heap(self, number: int) -> Optional[str]:
        """Returns the name of a heap; None if the log has none for it."""

    def library(self, pc: int) -> Optional[str]:
        """Returns the loaded file that an address of code is in; None if the log does not tell."""


class Wanted(Record):
    """The owners that are asked for. None asks for all."""

    function: Optional[str] = None  # a frame's function contains it
    file: Optional[str] = None  # a frame's file contains it
    task: Optional[str] = None
    module: Optional[str] = None
    heap: Optional[str] = None  # its name, or its number


class Member(NamedTuple):
    """An owner with its names."""

    whole: Stack  # with the allocator's own frames, which show what was asked of it
    frames: Stack  # from its site outwards
    path: str
    task: Optional[str]
    module: Optional[str]
    library: Optional[str]
    heap: Optional[str]
    site: Key
    keys: Tuple[Key, ...]  # of all its nodes, the site's too


class Grouping:
    """Names the nodes of each owner. An instance is the `group` of one replay's Wish.

    A replay of the last run asks for the owners of the runs before, too. What was said last of an owner counts.
    """

    def __init__(
        self,
        names: Names,
        frames: Callable[[Tuple[int, ...]], Stack],
        skip: Sequence[Place] = (),
        wanted: Optional[Wanted] = None,
    ) -> None:
        self.members: Dict[Owner, Member] = {}
        self.numbers: Dict[Key, int] = {}  # of nodes
        self.tasks: List[Optional[str]] = []  # of all owners, those that are not asked for too
        self._names, self._frames, self._skip = names, frames, skip
        self._wanted = wanted or Wanted()
        self._latest: Optional[Tuple[Profile, Dict[Key, Use]]] = None
        self._stacks: Dict[Tuple[int, ...], Tuple[Stack, Stack, str]] = {}

    def __call__(self, owner: Owner, pcs: Tuple[int, ...]) -> Optional[Sequence[int]]:
        """Returns the numbers of the owner's nodes. None if it is not asked for."""
        if pcs not in self._stacks:
            whole = self._frames(pcs)
            self._stacks[pcs] = whole, from_site(whole, self._skip), path_of(whole)
        whole, frames, path = self._stacks[pcs]
        site = frames[0] if frames else None
        task, module = self._names.task(owner.context), self._names.module(owner.tag)
        heap, library = self._names.heap(owner.heap), None if site is None else self._names.library(site.pc)
        where = ("",) if site is None else (site.function or hex(site.pc), site.file or "", str(site.line))
        key: Key = (SITE, *where)
        named = ((TASK, task), (MODULE, module), (LIBRARY, library), (HEAP, heap_name(owner.heap, heap)))
        parts = parts_of(site)
        keys = [key, *((TREE, *parts[: number + 1]) for number in range(len(parts)))]
        keys += [(kind, name) for kind, name in named if name is not None]
        member = Member(whole, frames, path, task, module, library, heap, key, tuple(keys))
        self.tasks.append(task)
        if not self._is_wanted(owner, member):
            return None
        self.members[owner] = member
        return [self.numbers.setdefault(key, len(self.numbers)) for key in keys]

    def numbers_of(self, owner: Owner) -> Sequence[int]:
        """Returns the numbers of the nodes of an owner that was asked for."""
        return [self.numbers[key] for key in self.members[owner].keys]

    def nodes(self, profile: Profile) -> Dict[Key, Use]:
        """Returns the nodes of the owners that were counted."""
        if self._latest is None or self._latest[0] is not profile:
            members = [self.members[owner] for owner in profile.owners if owner in self.members]
            keys = dict.fromkeys(key for member in members for key in member.keys)
            self._latest = profile, {key: profile.nodes[self.numbers[key]] for key in keys}
        return self._latest[1]

    def named(self, owner: Owner, pcs: Tuple[int, ...]) -> Tuple[Optional[str], Stack]:
        """Returns the task and the frames of an owner that need not have been counted, such as that of a free."""
        return self._names.task(owner.context), self.frames_of(pcs)

    def innermost(self, owner: Owner) -> Tuple[Optional[str], Optional[str]]:
        """Returns the loaded file and the function, as the linker knows it, of the innermost call of an owner."""
        frames = self.members[owner].whole
        outer = next((frame for frame in frames if not frame.inlined), None)
        if outer is None:
            return None, None
        library, function = self._names.library(outer.pc), outer.function
        is_place = library is not None and function is not None and function.startswith(f"{library}+")
        return library, (function or "")[len(library or "") + 1 :] if is_place else function

    def frames_of(self, pcs: Tuple[int, ...]) -> Stack:
        """Returns the frames of a stack from its site on."""
        return from_site(self._frames(pcs), self._skip)

    def _is_wanted(self, owner: Owner, member: Member) -> bool:
        wanted = self._wanted
        return (
            wanted.task in (None, member.task)
            and wanted.module in (None, member.module)
            and wanted.heap in (None, member.heap, str(owner.heap))
            and (wanted.function is None or any(wanted.function in (frame.function or "") for frame in member.whole))
            and (wanted.file is None or any(wanted.file in (frame.file or "") for frame in member.whole))
        )


def heap_name(number: int, name: Optional[str]) -> str:
    """Returns what a report calls a heap: its name, else its number."""
    return name or f"heap {number}"
