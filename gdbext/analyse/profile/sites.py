# SPDX-License-Identifier: Apache-2.0
"""Finds the site of a stack, and names the stack across builds.

A *site* is the innermost function outside of allocators and their wrappers, with its line. A *path* is a hash of all
functions of a stack: inlined ones count, lines do not, so that it stays the same while the code around it changes.
Rejected: paths of addresses (each build has others); a path from the site on (what --skip names would change it).
Cost: a hash of some hundred bytes for each stack.
Limits: without names a path is made of addresses, and names the stack in one build alone.
"""

from __future__ import annotations

import posixpath
import re
from hashlib import blake2b
from typing import List, NamedTuple, Optional, Sequence, Tuple

from gdbext.heap.names import asks_allocator, is_wrapper
from gdbext.model.events import Frame, Stack
from gdbext.model.said import Said, said

_PATH_BYTES = 8
_FILE_LINE = re.compile(r"(?P<file>.+):(?P<line>\d+)")
_BRACKET = re.compile(r"([<>])")
_ANY_ARGUMENTS = re.compile(r"<[A-Z][A-Z0-9]*(?:, ?[A-Z][A-Z0-9]*)*>")
_FILE = re.compile(r".+\.\w{1,4}")
_DEEPEST = 32  # directories of one file
UNKNOWN = "?"


class Place(NamedTuple):
    """What is passed over when a site is looked for: a function, a file, or a line of a file."""

    function: Optional[str]
    file: Optional[str]
    line: Optional[int]

    def matches(self, frame: Frame) -> bool:
        """Tells whether a frame is at this place. A file is named by the end of its path, a function of a template with
        its arguments, without, or with a capital letter: Pool<int>::get, Pool::get, Pool<T>::get.
        """
        if self.function is not None:
            name = frame.function or ""
            return self.function in (name, name.partition("(")[0]) or ("<" in name and self.function == _bare(name))
        file = (frame.file or "").replace("\\", "/")
        named = file == self.file or file.endswith(f"/{self.file}")
        return named and self.line in (None, frame.line)


def place_named(text: str) -> Place:
    """Returns the place that FUNC, FILE:LINE or FILE names."""
    with_line = _FILE_LINE.fullmatch(text)
    if with_line is not None:
        return Place(None, with_line["file"].replace("\\", "/"), int(with_line["line"]))
    if _FILE.fullmatch(text):
        return Place(None, text.replace("\\", "/"), None)
    return Place(_ANY_ARGUMENTS.sub("", text), None, None)


def from_site(frames: Stack, skip: Sequence[Place] = ()) -> Stack:
    """Returns the frames from the site outwards. If all belong to allocators and wrappers, it is the outermost one."""
    inside = [number for number, frame in enumerate(frames) if asks_allocator(frame)][-1:]
    for first, frame in enumerate(frames):
        if inside and first < inside[0]:
            continue
        if not is_wrapper(frame) and not any(place.matches(frame) for place in skip):
            return frames[first:]
    return frames[-1:]


def site_said(function: Optional[str], file: Optional[str], line: Optional[int]) -> Said:
    """Returns the name of a site."""
    if file is None or line is None:
        return said("site-named", function=function)
    return said("site-at", function=function, file=file.rpartition("/")[2], line=line)


def _bare(function: str) -> str:
    """Returns the name of a function without the arguments of templates."""
    depth, parts = 0, []
    for part in _BRACKET.split(function):
        depth = max(0, depth + (part == "<") - (part == ">"))
        parts += [] if depth or part == ">" else [part]
    return "".join(parts)


def path_of(frames: Stack) -> str:
    """Returns the path of a whole stack."""
    names = [frame.function or f"{frame.pc:#x}" for frame in frames]
    return blake2b("\0".join(names).encode("utf-8", "replace"), digest_size=_PATH_BYTES).hexdigest()


def parts_of(frame: Optional[Frame]) -> Tuple[str, ...]:
    """Returns the directories, the file and the line of a frame: the names of its nodes in the tree."""
    if frame is None:
        return (UNKNOWN,)
    if frame.file is None:
        return UNKNOWN, frame.function or f"{frame.pc:#x}"
    parts: List[str] = posixpath.normpath(frame.file.replace("\\", "/")).split("/")
    if not parts[0] and len(parts) > 1:
        parts[:2] = [f"/{parts[1]}"]
    if len(parts) > _DEEPEST:
        parts[: len(parts) - _DEEPEST] = ["/".join(parts[: len(parts) - _DEEPEST])]
    return (*parts, UNKNOWN if frame.line is None else str(frame.line))
