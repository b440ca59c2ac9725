# SPDX-License-Identifier: Apache-2.0
"""Reads SPIFFS, whatever its page, block, name and metadata sizes are, with a magic or without.

Approach: each block begins with lookup pages, which repeat the object id of every page behind them. Sizes are right if
these ids are in the pages, too. Where the page numbers begin in an index header, behind the name and the metadata, is
told by the pages that they lead to. A file is what its index lists: each page must have the file's id, its own place in
the file, and be written to its end. The first that has not ends the file.
A power cut may leave two index headers of one file. Both list a whole file; the first counts, as for the library,
unless it leads to less than all. A deleted page that a living index lists belongs to a change that was cut: its bytes
are those of before.
Rejected: to collect pages by their ids without an index (old pages of a file have the same ids).
Cost: up to 1 MiB is looked at for each pair of sizes; then every page's header once.
Limits: ids and page numbers of 2 bytes, little-endian; page and block sizes are powers of two.
"""

from __future__ import annotations

import struct
from collections import Counter
from functools import cached_property, reduce
from math import gcd
from typing import Counter as Counts
from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple

from gdbext.flash import Contents, Entry, FileSystem, Place
from gdbext.model.said import said
from gdbext.source.overlaps import Bytes

_PAGES = tuple(1 << bits for bits in (8, 7, 9, 10, 11))
_BLOCKS = tuple(1 << bits for bits in (12, 13, 14, 15, 16, 11, 17, 18))
_WINDOW, _MOST_WINDOWS = 1 << 18, 4  # what is looked at to tell the sizes; a window has whole blocks of any size
_FREE, _DELETED, _INDEX_ID = 0xFFFF, 0, 0x8000
_USED, _FINAL, _INDEX, _IXDELE, _DELET = 1, 2, 4, 0x40, 0x80  # flags of a page; a bit that is clear says yes
_HEADER = struct.Struct("<HHB")  # of a page: object id, span (its place in the object), flags
_INDEX_BYTES, _SIZE_AT, _NAME_AT = 8, 8, 13
_NO_SIZE = b"\xff" * 4  # of a file that was never written to
_MAGIC = 0x0529
_MOST_WRONG = 64  # ids that may be wrong before a pair of sizes is given up
_SECTOR = 1 << 12  # partitions begin at a multiple of it
_MOST_HEADERS, _FEW = 16, 4
_MAGIC_WORTH = 8  # right ids that a right magic is as good as


class Sizes(NamedTuple):
    """The sizes of a file system, in bytes."""

    page: int
    block: int

    @property
    def lookups(self) -> int:
        """The lookup pages of a block."""
        return max(1, self.block // self.page * 2 // self.page)

    @property
    def entries(self) -> int:
        """The other pages of a block, each with an id in the lookup pages."""
        return self.block // self.page - self.lookups


# The sizes that differ in their lookup pages: what is at the begin of a block tells no more.
_FORMS = [
    Sizes(page, block)
    for page in _PAGES
    for block in sorted(_BLOCKS)
    if block >= _SECTOR and Sizes(page, block).lookups > (block > _SECTOR and Sizes(page, block // 2).lookups)
]


class _Page(NamedTuple):
    """A page by its header."""

    number: int
    object_id: int
    span: int
    flags: int

    @property
    def is_written(self) -> bool:
        return not self.flags & (_USED | _FINAL)

    @property
    def is_index(self) -> bool:
        return self.flags & (_USED | _FINAL | _INDEX | _IXDELE | _DELET) == _IXDELE | _DELET


class Spiffs:
    """A SPIFFS of known sizes."""

    def __init__(self, data: Bytes, sizes: Sizes) -> None:
        self._data, self._sizes = data, sizes
        self._headers: List[_Page] = []
        self._indexes: Dict[Tuple[int, int], List[int]] = {}  # numbers of index pages, by object id and span
        for page in _indexes_in(data, sizes):
            if page.span:
                self._indexes.setdefault((page.object_id, page.span), []).append(page.number)
            elif self._name(page):
                self._headers.append(page)

    def entries(self) -> Sequence[Entry]:
        """Returns all files. Of several headers with one name the first counts."""
        sizes: Dict[bytes, int] = {}
        for page in self._headers:
            sizes.setdefault(self._name(page), self._size(page))
        return [Entry(name.decode("utf-8", "surrogateescape"), size) for name, size in sizes.items()]

    def contents(self, path: str) -> Optional[Contents]:
        """Returns the file of this name. A slash in front of it may be there or not."""
        name = path.encode("utf-8", "surrogateescape")
        for spelled in (name, b"/" + name, name[1:] if name[:1] == b"/" else name):
            found = [self._read(page) for page in self._headers if self._name(page) == spelled]
            if found:
                return next((one for one in found if one.missing is None), found[0])
        return None

    def _name(self, header: _Page) -> bytes:
        name, end, _ = self._page(header.number)[_NAME_AT:].partition(b"\0")
        return name if end else b""

    def _size(self, header: _Page) -> int:
        size = self._page(header.number)[_SIZE_AT : _SIZE_AT + 4]
        return 0 if size == _NO_SIZE else int.from_bytes(size, "little")

    def _page(self, number: int) -> bytes:
        return self._data[number * self._sizes.page : (number + 1) * self._sizes.page]

    def _read(self, header: _Page) -> Contents:
        """Returns the bytes that an index lists, as far as its pages are there."""
        size, numbers = self._size(header), self._listed(header)
        parts: List[bytes] = []
        read = 0
        while read < size:
            wanted = min(self._sizes.page - _HEADER.size, size - read)
            part = self._data_of(next(numbers, _FREE), header.object_id & ~_INDEX_ID, len(parts))[:wanted]
            parts.append(part)
            read += len(part)
            if len(part) < wanted:
                return Contents(b"".join(parts), said("flash-file-cut", read=read, all=size))
        return Contents(b"".join(parts))

    def _data_of(self, number: int, object_id: int, span: int) -> bytes:
        """Returns the bytes in a page of a file. None of them if it is another page."""
        page = _page_at(self._data, self._sizes, number)
        if page is None or number % (self._sizes.block // self._sizes.page) < self._sizes.lookups:
            return b""
        is_right = (page.object_id, page.span) == (object_id, span) and page.is_written and page.flags & _INDEX
        return self._page(number)[_HEADER.size :] if is_right else b""

    def _listed(self, header: _Page) -> Iterator[int]:
        """Yields the numbers of a file's pages, as its index lists them."""
        listed = _numbers(self._page(header.number), self._table)
        span, first = 0, 0  # of the index page; of the first page that it lists
        while listed:
            yield from listed
            span, first = span + 1, first + len(listed)
            found = self._indexes.get((header.object_id, span), ())
            several = [_numbers(self._page(number), _INDEX_BYTES) for number in found]
            listed = max(several, key=lambda numbers: self._right(numbers, header, first), default=())

    def _right(self, numbers: Sequence[int], header: _Page, first: int) -> int:
        """Counts the numbers at the start of an index page that lead to pages of its file."""
        object_id = header.object_id & ~_INDEX_ID
        wrong = (at for at, number in enumerate(numbers) if not self._data_of(number, object_id, first + at))
        return next(wrong, len(numbers))

    @cached_property
    def _table(self) -> int:
        """Where the page numbers begin in an index header. A page that a number leads to says its place in the file."""
        votes: Counts[int] = Counter()
        for header in self._headers:
            for at, number in _words(self._page(header.number)):
                page = _page_at(self._data, self._sizes, number)
                if page is not None and page.object_id == header.object_id & ~_INDEX_ID:
                    votes[at - 2 * page.span] += 1
        fits = [(count, -at) for at, count in votes.items() if _NAME_AT < at < self._sizes.page - 1]
        return -max(fits, default=(0, -self._sizes.page))[1]


def _numbers(page: bytes, at: int) -> Tuple[int, ...]:
    """Returns the page numbers in an index page, from a place on."""
    return struct.unpack_from(f"<{max(0, len(page) - at) // 2}H", page, at) if at < len(page) else ()


def _words(header: bytes) -> Iterator[Tuple[int, int]]:
    """Yields what may be a page number in an index header, and its place, behind the name's first letter."""
    for at in range(_NAME_AT + 1, len(header) - 1):
        yield at, header[at] | header[at + 1] << 8


def _page_at(data: Bytes, sizes: Sizes, number: int) -> Optional[_Page]:
    """Returns a page by its number. None: the image does not have it."""
    head = data[number * sizes.page : number * sizes.page + _HEADER.size]
    return _Page(number, *_HEADER.unpack(head)) if len(head) == _HEADER.size else None


def _looked_up(data: Bytes, sizes: Sizes, start: int) -> Iterator[Tuple[int, _Page]]:
    """Yields each id that a block's lookup pages have, and its page."""
    table = data[start : start + 2 * sizes.entries]
    if not table.strip(b"\xff") or not table.strip(b"\0"):
        return
    for at, object_id in enumerate(struct.unpack(f"<{len(table) // 2}H", table[: len(table) // 2 * 2])):
        if object_id not in (_FREE, _DELETED):
            page = _page_at(data, sizes, start // sizes.page + sizes.lookups + at)
            if page is None:
                return
            yield object_id, page


def _indexes_in(data: Bytes, sizes: Sizes) -> Iterator[_Page]:
    """Yields the pages that list other pages, and are not deleted."""
    for start in range(0, len(data), sizes.block):
        for object_id, page in _looked_up(data, sizes, start):
            is_told = object_id == page.object_id or not page.span  # the id of a header may be half deleted
            if is_told and object_id & page.object_id & _INDEX_ID and page.is_index:
                yield page


def _magics(data: Bytes, sizes: Sizes) -> int:
    """Counts the blocks with the right magic."""
    count, at = len(data) // sizes.block, sizes.lookups * sizes.page - 4
    places = range(at, min(count * sizes.block, _MOST_WINDOWS * _WINDOW), sizes.block)
    found = [int.from_bytes(data[place : place + 2], "little") for place in places]
    plain = _MAGIC ^ sizes.page
    return max(found.count(plain), sum(one == plain ^ (count - block) & 0xFFFF for block, one in enumerate(found)))


def _is_counted(data: Bytes, sizes: Sizes, start: int) -> bool:
    """Tells whether a block's lookup pages end as a library leaves them: erased but for the count of erasures."""
    end = start + sizes.lookups * sizes.page
    return data[end - 2 : end] != b"\xff\xff" and not data[start + 2 * sizes.entries : end - 4].strip(b"\xff")


def _rightness(data: Bytes, sizes: Sizes, windows: Iterable[int]) -> int:
    """Says how well sizes fit: by ids that are right, less those that are wrong, by the blocks' ends, and by magics."""
    right = wrong = 0
    for window in windows:
        for start in range(window, min(window + _WINDOW, len(data)), sizes.block):
            right += _is_counted(data, sizes, start)
            for object_id, page in _looked_up(data, sizes, start):
                fits = object_id == page.object_id
                right, wrong = right + fits, wrong + (not fits and not page.flags & _USED)
            if wrong > right + _MOST_WRONG:
                return 0
    return right - wrong + _MAGIC_WORTH * _magics(data, sizes)


def _sizes_of(data: Bytes) -> Optional[Sizes]:
    """Returns the sizes that fit best. None: no sizes do."""
    written = (at for at in range(0, len(data), _WINDOW) if data[at : at + _WINDOW].strip(b"\xff"))
    windows = [at for at, _ in zip(written, range(_MOST_WINDOWS))]
    several = [Sizes(page, block) for page in _PAGES for block in _BLOCKS if 4 * page <= block]
    best = max(several, key=lambda sizes: _rightness(data, sizes, windows), default=None)
    return best if best is not None and _rightness(data, best, windows) > 0 else None


def mounted(data: Bytes) -> Optional[Spiffs]:
    """Returns the SPIFFS that a partition is. None: it is none."""
    sizes = _sizes_of(data)
    if sizes is None or not (_magics(data, sizes) > 1 or any(_indexes_in(data, sizes))):
        return None
    votes = _votes(data, sizes, range(0, len(data), sizes.block))
    of_first = max((count for (base, _), count in votes.items() if not base), default=0)
    return Spiffs(data, sizes) if max(votes.values(), default=0) <= max(1, of_first) else None


def places(data: Bytes) -> Iterator[Place]:
    """Yields where a SPIFFS may be in a flash without a table: from where its page numbers count, to the last block
    that has ids.
    """
    for sizes in _FORMS:
        starts = [at for at in range(0, len(data), _SECTOR) if _may_begin_block(data, sizes, at)]
        bases = sorted(_bases(data, sizes, starts))
        for base, end in zip(bases, [*bases[1:], len(data)]):
            inside = [at - base for at in starts if base <= at < end]
            if inside:
                yield Place(base, min(inside[-1] + (reduce(gcd, inside) or _SECTOR), end - base))


def _may_begin_block(data: Bytes, sizes: Sizes, start: int) -> bool:
    right = (object_id == page.object_id for object_id, page in _looked_up(data, sizes, start))
    return next(right, False) and all(right)


def _bases(data: Bytes, sizes: Sizes, starts: Sequence[int]) -> Set[int]:
    """Returns where page 0 may be: most of the numbers in index headers and the pages of their files agree on it."""
    votes = _votes(data, sizes, starts)
    most = max(votes.values(), default=0)
    tables = {table for (_, table), count in votes.items() if count == most}
    return {base for (base, table), count in votes.items() if table in tables and count * _FEW > most}


def _votes(data: Bytes, sizes: Sizes, starts: Iterable[int]) -> Counts[Tuple[int, int]]:
    """Counts what speaks for each place of page 0, with each place of the numbers in a header."""
    pages = [page for start in starts for _, page in _looked_up(data, sizes, start)]
    of_object: Dict[int, List[_Page]] = {}
    for page in pages:
        if page.flags & _INDEX:
            of_object.setdefault(page.object_id | _INDEX_ID, []).append(page)
    votes: Counts[Tuple[int, int]] = Counter()
    for header in [page for page in pages if page.is_index and not page.span][:_MOST_HEADERS]:
        data_of = data[header.number * sizes.page : (header.number + 1) * sizes.page]
        is_sized = data_of[_SIZE_AT : _SIZE_AT + 4] != _NO_SIZE
        for at, number in _words(data_of) if is_sized else ():
            for page in of_object.get(header.object_id, ())[:_MOST_HEADERS]:
                base, table = (page.number - number) * sizes.page, at - 2 * page.span
                if base >= 0 and not base % _SECTOR and table > _NAME_AT:
                    votes[base, table] += 1
    return votes


FILESYSTEM = FileSystem("spiffs", mounted, places)
