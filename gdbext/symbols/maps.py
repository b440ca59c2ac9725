# SPDX-License-Identifier: Apache-2.0
"""Finds where the files of a process were loaded, by the text of its /proc/PID/maps.

Approach: each mapping of code says at which address which place of a file was. Of the files that may be meant, the one
is taken whose code begins and ends there; its headers tell how far it was moved from where it was linked for.
Without the file that distance is taken to be that of its places in the file, as most linkers lay files out.
Rejected: the first mapping of a file as its base (its offset need not be 0, nor its first linked address).
Cost: the headers of each file that may be meant.
Limits: files that were unloaded when the text was made are not in it. A text without build-ids cannot prove a file:
another build whose code fills the same pages would be taken, too.
"""

from __future__ import annotations

import re
from typing import Iterable, List, NamedTuple, Optional, Sequence, Tuple

from gdbext.source.files import FileError
from gdbext.symbols.elf_head import Head, head_of
from gdbext.symbols.modules import Module, Modules, Segments

_LINE = re.compile(
    rb"([0-9a-f]{1,16})-([0-9a-f]{1,16}) ..(.). ([0-9a-f]{1,16}) \S+ \d+ *([^\r\n]+?)(?: \(deleted\))?\r?"
)
_MOST_MAPPINGS = 1 << 14
_PAGES = (1 << 16, 1 << 14, 1 << 12)  # sizes that systems have, the largest first


class Code(NamedTuple):
    """A mapping of code."""

    start: int
    end: int
    offset: int  # in the file
    path: str


class Loaded(NamedTuple):
    """A loaded file."""

    base: int  # the distance of its addresses from those that it was linked for
    path: str
    segments: Segments  # of code: addresses as linked, and sizes


def code_in(text: bytes) -> Tuple[Code, ...]:
    """Returns the mappings of code of files in the text of a maps file. Lines that make no sense are passed over."""
    found: List[Code] = []
    for line in text.splitlines():
        words = _LINE.fullmatch(line)
        if words is not None and words[3] == b"x" and len(found) < _MOST_MAPPINGS:
            start, end, offset = (int(words[number], 16) for number in (1, 2, 4))
            if offset <= start < end:
                found.append(Code(start, end, offset, words[5].decode("utf-8", "replace")))
    return tuple(found)


def loaded_files(code: Sequence[Code], folders: Sequence[str], programs: Sequence[str]) -> Tuple[Loaded, ...]:
    """Returns the files of these mappings. `folders` are those of --symbols, `programs` files that the user names."""
    guesses = [Module(one.start - one.offset, "", one.path) for one in code]
    known, page = Modules(guesses, folders, programs), _page_of(code)
    found: List[Loaded] = []
    for one, guess in zip(code, guesses):
        fits = (_placed(one, path, page) for path in known.candidates(guess))
        placed = next((fit for fit in fits if fit is not None), None)
        found.append(placed or Loaded(guess.base, one.path, ((one.offset, one.end - one.start),)))
    return tuple(dict.fromkeys(found))


def _page_of(code: Iterable[Code]) -> int:
    """Returns the size of a page: the largest that all addresses are multiples of."""
    places = [place for one in code for place in one[:3]]
    return next((size for size in _PAGES if not any(place % size for place in places)), 1)


def _placed(code: Code, path: str, page: int) -> Optional[Loaded]:
    """Returns a file as it was loaded. None if its code would not fill this mapping."""
    try:
        head = head_of(path)
    except FileError:
        return None
    for (start, end), offset in zip(head.code, head.offsets):
        base = code.start - code.offset + offset - start
        if code.offset <= offset < code.offset + page and base >= 0 and 0 <= code.end - base - end < page:
            return Loaded(base, code.path, _code_of(head))
    return None


def _code_of(head: Head) -> Segments:
    return tuple([(start, end - start) for start, end in head.code])
