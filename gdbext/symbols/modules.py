# SPDX-License-Identifier: Apache-2.0
"""Names addresses of a process that has loaded several files: each address by the file that it lies in.

Approach: the log tells where each file was loaded, its build-id and its path. The file is taken from there, or from
--symbols, and only if its build-id is the log's: an update of a library would give wrong names. What has no name is
shown as FILE+0xOFFSET, which `addr2line -e FILE 0xOFFSET` understands later.
Where a log has no build-ids but tells what was loaded, the code of a file must lie and end in the same places.
Rejected: the file at the path, whatever its build-id; asking a server of debug information (it would learn what runs).
Cost: that of Outside for each file that has addresses.
Assumptions: a log is hostile. Its paths are only read from, and nothing but the names in an ELF file comes of it.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from gdbext.model.events import Frame, Stack
from gdbext.model.record import replace
from gdbext.model.reports.export import Mapping
from gdbext.model.said import Said, said
from gdbext.source.files import FileError
from gdbext.source.link import Say
from gdbext.symbols.debug_files import by_build_id
from gdbext.symbols.elf_head import head_of
from gdbext.symbols.outside import Outside

_LIBRARY = ".so"
_END_OF_MEMORY = 1 << 64
_MOST_NAMED = 8  # of the files that were not found
Segments = Tuple[Tuple[int, int], ...]  # of a loaded file: addresses as linked, and sizes


class Module(NamedTuple):
    """A loaded file."""

    base: int  # the distance of its addresses from those that it was linked for
    build_id: str  # as hex, "" if not known
    path: str

    @property
    def name(self) -> str:
        """The file's name without folders."""
        return os.path.basename(self.path) or "(unnamed file)"


class Modules:
    """The names of a process's addresses. `problem` says of which files there are none.

    `programs` are files that the user names, `folders` those of --symbols, `say` writes a line of progress. `segments`
    is what was loaded of files without a build-id, by base and path, where the log tells.
    """

    def __init__(
        self,
        modules: Sequence[Tuple[int, str, str]],
        folders: Sequence[str] = (),
        programs: Sequence[str] = (),
        say: Optional[Say] = None,
        segments: Optional[Dict[Tuple[int, str], Segments]] = None,
    ) -> None:
        self._segments = segments or {}
        self._modules = sorted({Module(*one) for one in modules})
        self._bases = [module.base for module in self._modules]
        self._folders, self._programs, self._say = folders, programs, say
        self._files: Dict[Module, Optional[Outside]] = {}
        self._missing: Dict[str, None] = {}

    @property
    def problem(self) -> Optional[Said]:
        """The files that addresses lie in and that were not found, None if all were."""
        names = list(self._missing)
        shown = [*names[:_MOST_NAMED], *(["..."] if len(names) > _MOST_NAMED else [])]
        return said("symbols-of-modules", files=tuple(shown)) if names else None

    def library(self, pc: int) -> Optional[str]:
        """Returns the name of the file that an address lies in, or None."""
        module = self._module_of(pc)
        return None if module is None else module.name

    def mappings(self) -> Tuple[Mapping, ...]:
        """Returns the code of the files. Of one that is not there, all up to the next file counts as code."""
        found: List[Mapping] = []
        for module, end in zip(self._modules, [*self._bases[1:], _END_OF_MEMORY]):
            file = self._file_of(module)
            unknown = Mapping(module.base, end, module.path, module.build_id or None)
            found += (unknown,) if file is None else file.mappings()
        return tuple(found)

    def frames_of(self, pcs: Sequence[int]) -> Dict[int, Stack]:
        """Returns the functions around each recorded PC, innermost first."""
        by_module: Dict[Optional[Module], List[int]] = {}
        for pc in pcs:
            by_module.setdefault(self._module_of(pc), []).append(pc)
        found: Dict[int, Stack] = {}
        for module, inside in by_module.items():
            if module is None:
                found.update({pc: (Frame(pc),) for pc in inside})
                continue
            file = self._file_of(module)
            if file is None and module.path[:1] != "[":  # such as the system's own page, which is no file
                self._missing[module.name] = None
            stacks = {pc: (Frame(pc),) for pc in inside} if file is None else file.frames_of(inside)
            found.update({pc: _named(stack, module) for pc, stack in stacks.items()})
        return found

    def _module_of(self, pc: int) -> Optional[Module]:
        """Returns the module that an address lies in: the one that begins nearest before it, or a program that was
        linked for where it runs, and so is at distance 0.
        """
        nearest = bisect_right(self._bases, pc) - 1
        if nearest < 0:
            return None
        for module in (self._modules[nearest], self._modules[0]):
            file = self._file_of(module)
            if file is not None and file.holds(pc):
                return module
        module = self._modules[nearest]
        return module if self._file_of(module) is None and self._covers(module, pc) else None

    def _file_of(self, module: Module) -> Optional[Outside]:
        """Returns the file of a module; None if it is not there."""
        if module not in self._files:
            path = next((path for path in self.candidates(module) if self._is_of(path, module)), None)
            file = None if path is None else Outside(path, self._folders, base=module.base, say=self._say)
            self._files[module] = file
        return self._files[module]

    def _may_be(self, program: str, module: Module) -> bool:
        """Tells whether a program that the user names may be this file, of which the log tells only its path: by its
        name, with or without an ending, or as there is no other that is no library.
        """
        name, mains = os.path.basename(program), {one.path for one in self._modules if _is_program(one)}
        if module.name in (name, os.path.splitext(name)[0]):
            return True
        return mains == {module.path} and _LIBRARY not in name

    def candidates(self, module: Module) -> Iterator[str]:
        """Yields where the file of a module may be."""
        for program in self._programs:
            if module.build_id or self._segments_of(module) or self._may_be(program, module):
                yield program
        for folder in self._folders:
            if module.build_id:
                yield from by_build_id(module.build_id, folder)
            if ".." not in module.path.split("/"):
                yield os.path.join(folder, module.path.lstrip("/"))
            yield os.path.join(folder, module.name)
        if os.path.isabs(module.path):  # others, such as the system's own page, are no files
            yield module.path

    def _is_of(self, path: str, module: Module) -> bool:
        """Tells whether a file is an ELF file with the module's build-id, else with its layout, if one is known."""
        try:
            head = head_of(path)
        except FileError:
            return False
        if module.build_id:
            return module.build_id == head.build_id
        loaded = self._segments_of(module)
        return not loaded or set(loaded).issuperset((start, end - start) for start, end in head.code)

    def _covers(self, module: Module, pc: int) -> bool:
        """Tells whether what was loaded of a file has an address, as far as that is known."""
        loaded = self._segments_of(module)
        return not loaded or any(0 <= pc - 1 - module.base - start < size for start, size in loaded)

    def _segments_of(self, module: Module) -> Segments:
        return self._segments.get((module.base, module.path), ())


def _is_program(module: Module) -> bool:
    """Tells whether a loaded file may be the program, by its name."""
    return module.path[:1] not in ("", "[", "<") and _LIBRARY not in module.name


def _named(stack: Stack, module: Module) -> Stack:
    """Returns a stack with a place in the file where its function is not known."""
    if stack[-1].function is not None:
        return stack
    return (*stack[:-1], replace(stack[-1], function=f"{module.name}+{stack[-1].pc - module.base:#x}"))
