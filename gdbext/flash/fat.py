# SPDX-License-Identifier: Apache-2.0
"""Reads files out of a FAT volume: FAT12, FAT16 and FAT32, sectors of 512 to 4,096 bytes, long names.

Approach: the boot sector says where tables, root folder and clusters are. A file is a chain of clusters, which the
table tells; where the first table has no next cluster, power may have been lost while it was rewritten, and the second
one is asked. A chain ends at a cluster that it has been at, at the end of the image, and at the file's length. A chain
that has not as many clusters as the length asks for has been hurt; if so it ends, too, where it runs into one that
another chain leads to.
Rejected: pyfatfs (it writes, wants a file of its own, and does not read on beside damage).
Cost: an entry of the table a cluster; the whole table once if a chain has been hurt.
Limits: names of a length of 8.3 are taken as code page 437. exFAT is another file system.
"""

from __future__ import annotations

import struct
from array import array
from functools import cached_property
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple

from gdbext.flash import DEEPEST, Contents, Entry, FileSystem, Place
from gdbext.model.said import Trouble, said
from gdbext.source.overlaps import Bytes

_SECTORS = (512, 1024, 2048, 4096)
_BOOT = struct.Struct("<3s8xHBHBHHxHHHIII")  # up to the sectors of a table of FAT32
_JUMPS = (0xEB, 0xE9, 0xE8)
_SIGN = b"\x55\xaa"
_SIGN_AT = 510
_ROOT_AT = 44  # the first cluster of a FAT32's root
_FAT12, _FAT16, _FAT32 = 0xFF5, 0xFFF5, 0x0FFF_FFF5  # the most clusters, as FatFs has it

_ENTRY = struct.Struct("<11sBBxxxxxxxHxxxxHI")  # name, kind, case, cluster, size
_LONG = struct.Struct("<B10sBBB12sH4s")
_IS_LONG, _LABEL, _IS_FOLDER, _NO_KIND = 0x0F, 0x08, 0x10, 0xC0
_END, _DELETED, _KANJI = 0x00, 0xE5, 0x05
_LOWER_NAME, _LOWER_END = 0x08, 0x10
_LAST_PART = 0x40  # of a long name, which comes first


class _Item(NamedTuple):
    """An entry of a folder: a file or a folder."""

    name: str
    short: str
    is_folder: bool
    cluster: int
    size: int


class Shape(NamedTuple):
    """What a boot sector says, in bytes from the start of the volume."""

    size: int
    table: int  # where the first one is
    table_size: int
    tables: int
    root: int
    root_size: int  # 0: the root is a chain
    clusters: int  # where the first one is
    cluster: int  # bytes of one
    limit: int  # clusters have numbers from 2 up to this
    bits: int  # of an entry of the table
    sector: int


class Fat:
    """A FAT volume that was recognised."""

    def __init__(self, data: Bytes, shape: Shape) -> None:
        self._data, self._shape = data, shape
        clusters = -(-max(len(data) - shape.clusters, 0) // shape.cluster)
        self._limit = min(shape.limit, 2 + clusters)  # beyond are clusters that the image has nothing of
        self._folders: Dict[int, List[_Item]] = {}
        self._left = self._limit  # clusters that folders may still have: none is in two of them

    def entries(self) -> Sequence[Entry]:
        """Returns all files, of each folder once."""
        found: List[Entry] = []
        folders, seen = [("", 0, 0)], {0}
        while folders:
            path, cluster, depth = folders.pop()
            for item in self._folder(cluster):
                if not item.is_folder:
                    found.append(Entry(f"{path}/{item.name}", item.size))
                elif item.cluster not in seen and depth < DEEPEST:
                    seen.add(item.cluster)
                    folders.append((f"{path}/{item.name}", item.cluster, depth + 1))
        return found

    def contents(self, path: str) -> Optional[Contents]:
        """Returns a file's bytes, up to the first cluster that is not there. Case is no matter, nor a short name."""
        *folders, name = (part.casefold() for part in path.split("/") if part) if path.strip("/") else ("",)
        cluster = 0
        for folder in folders:
            found = self._find(cluster, folder, True)
            if found is None:
                return None
            cluster = found.cluster
        item = self._find(cluster, name, False)
        return None if item is None else self._read(item)

    def _find(self, cluster: int, name: str, is_folder: bool) -> Optional[_Item]:
        named = (item for item in self._folder(cluster) if name in (item.name.casefold(), item.short.casefold()))
        return next((item for item in named if item.is_folder == is_folder), None)

    def _read(self, item: _Item) -> Contents:
        chain = self._file_chain(item)
        data = b"".join(self._runs(chain))[: item.size]
        if len(data) == item.size:
            return Contents(data)
        if not data:
            raise Trouble(said("flash-file-lost", all=item.size))
        return Contents(data, said("flash-file-cut", read=len(data), all=item.size))

    def _runs(self, chain: Sequence[int]) -> Iterator[bytes]:
        """Yields the bytes of a chain up to the end of the image, clusters that follow each other in one piece."""
        at = 0
        while at < len(chain):
            end = at + 1
            while end < len(chain) and chain[end] == chain[end - 1] + 1:
                end += 1
            size = (end - at) * self._shape.cluster
            start = self._shape.clusters + (chain[at] - 2) * self._shape.cluster
            part = self._data[start : start + size]
            yield part
            if len(part) < size:
                return
            at = end

    def _file_chain(self, item: _Item) -> List[int]:
        """Returns the clusters of a file, as many as its length asks for if they are there."""
        count = -(-item.size // self._shape.cluster)
        chain = self._chain(item.cluster, count + 1)
        if count and len(chain) != count:
            own = set(chain)
            strange = (index for index, one in enumerate(chain) if self._is_shared(one, own))
            return chain[: min(count, next(strange, count))]
        return chain[:count]

    def _chain(self, first: int, most: int) -> List[int]:
        """Follows a chain from its first cluster, at most so far."""
        chain: List[int] = []
        seen: Set[int] = set()
        at: Optional[int] = first if 2 <= first < self._limit else None
        while at is not None and len(chain) < most:
            chain.append(at)
            seen.add(at)
            told = (self._told(table, at) for table in range(self._shape.tables))
            at = next((one for one in told if 2 <= one < self._limit and one not in seen), None)
        return chain

    def _told(self, table: int, cluster: int) -> int:
        """Returns what a table has for a cluster: the next one; 0: it is free; beyond all clusters: it is the last."""
        bits = self._shape.bits
        start = self._shape.table + table * self._shape.table_size
        at = start + cluster * bits // 8
        if bits == 12:
            pair = int.from_bytes(self._data[at : at + 2], "little")
            return pair >> 4 if cluster & 1 else pair & 0xFFF
        return int.from_bytes(self._data[at : at + bits // 8], "little") & 0x0FFF_FFFF

    def _is_shared(self, cluster: int, chain: Set[int]) -> bool:
        """Tells whether others than those of its chain lead to a cluster, by the first table."""
        first, more = self._leaders
        return any(one not in chain for one in (first[cluster], *more.get(cluster, ())) if one)

    @cached_property
    def _leaders(self) -> Tuple[array[int], Dict[int, List[int]]]:
        """By cluster, the first one that leads to it, 0 if none does; and those with more."""
        first: array[int] = array("I", bytes(4 * self._limit))
        more: Dict[int, List[int]] = {}
        for cluster in range(2, self._limit):
            told = self._told(0, cluster)
            if 2 <= told < self._limit:
                if first[told]:
                    more.setdefault(told, []).append(cluster)
                else:
                    first[told] = cluster
        return first, more

    def _folder(self, cluster: int) -> List[_Item]:
        """Returns the entries of a folder. 0 is the root."""
        if cluster not in self._folders:
            shape = self._shape
            if not cluster and shape.root_size:
                data = self._data[shape.root : shape.root + shape.root_size]
            else:
                chain = self._chain(cluster or shape.root, self._left)
                self._left -= len(chain)
                data = b"".join(self._runs(chain))
            self._folders[cluster] = list(_items(data))
        return self._folders[cluster]


def _items(data: bytes) -> Iterator[_Item]:
    """Yields the entries of a folder that are neither deleted nor labels nor impossible."""
    long: List[bytes] = []  # the parts of a long name, last first
    due, total = 0, 0
    for at in range(0, len(data) - _ENTRY.size + 1, _ENTRY.size):
        name, kind, case, high, low, size = _ENTRY.unpack_from(data, at)
        if name[0] == _END:
            return
        if kind & 0x3F == _IS_LONG and name[0] != _DELETED:
            order, one, _, _, check, two, no_cluster, three = _LONG.unpack_from(data, at)
            if order & _LAST_PART:
                long, due, total = [], order & ~_LAST_PART, check
            if order & ~_LAST_PART == due and check == total and due and not no_cluster:
                long.append(one + two + three)
                due -= 1
            else:
                long, due = [], 0
            continue
        is_sound = name[0] != _DELETED and not kind & (_NO_KIND | _LABEL)
        if is_sound and name[:1] != b".":
            short = _short(name, case)
            is_long = bool(long) and not due and total == _checksum(name)
            yield _Item(_long(long) if is_long else short, short, bool(kind & _IS_FOLDER), high << 16 | low, size)
        long, due = [], 0


def _checksum(name: bytes) -> int:
    """Returns what the parts of a long name keep of the short one."""
    total = 0
    for byte in name:
        total = ((total >> 1 | total << 7) + byte) & 0xFF
    return total


def _short(name: bytes, case: int) -> str:
    first, end = (part.rstrip(b" ").decode("cp437") for part in (_first(name[:8]), name[8:]))
    first = first.lower() if case & _LOWER_NAME else first
    end = end.lower() if case & _LOWER_END else end
    return f"{first}.{end}" if end else first


def _first(name: bytes) -> bytes:
    return bytes([_DELETED]) + name[1:] if name[0] == _KANJI else name


def _long(parts: Sequence[bytes]) -> str:
    text = b"".join(reversed(parts)).decode("utf-16-le", "replace")
    return text.partition("\0")[0]


def shape_of(data: Bytes, *, signed: bool = True) -> Optional[Shape]:
    """Returns the shape of the volume that begins here. None: this is no boot sector of FAT.

    Its sign is its end: where it was being written when power was lost, only what comes before may be there.
    """
    boot = data[:512]
    if len(boot) < 512 or boot[0] not in _JUMPS or (signed and boot[_SIGN_AT:] != _SIGN):
        return None
    _, sector, per_cluster, reserved, tables, entries, few, table, _, _, _, many, table_32 = _BOOT.unpack_from(boot)
    all_sectors, table_size = few or many, table or table_32
    if sector not in _SECTORS or not per_cluster or per_cluster & (per_cluster - 1) or tables not in (1, 2):
        return None
    root_sectors = -(-entries * _ENTRY.size // sector)
    before = reserved + tables * table_size + root_sectors
    count = (all_sectors - before) // per_cluster
    if not reserved or not table_size or count < 1 or (table and not entries):
        return None
    bits = 32 if not table else 12 if count <= _FAT12 else 16
    if count > (_FAT32 if bits == 32 else _FAT16) or table_size * sector * 8 < (count + 2) * bits:
        return None
    root = struct.unpack_from("<I", boot, _ROOT_AT)[0] if bits == 32 else (reserved + tables * table_size) * sector
    return Shape(
        size=all_sectors * sector,
        table=reserved * sector,
        table_size=table_size * sector,
        tables=tables,
        root=root,
        root_size=0 if bits == 32 else entries * _ENTRY.size,
        clusters=before * sector,
        cluster=per_cluster * sector,
        limit=count + 2,
        bits=bits,
        sector=sector,
    )


def mounted(data: Bytes, *, signed: bool = True) -> Optional[Fat]:
    """Returns the volume that begins at the first byte. None: there is none."""
    shape = shape_of(data, signed=signed)
    return None if shape is None else Fat(data, shape)


def places(data: Bytes) -> Iterator[Place]:
    """Yields where a boot sector is, at the start of a sector of the flash."""
    for at in range(0, len(data), 4096):
        if data[at + _SIGN_AT : at + _SIGN_AT + 2] == _SIGN:
            shape = shape_of(data[at : at + 512])
            if shape is not None:
                yield Place(at, shape.size)


FILESYSTEM = FileSystem("fat", mounted, places, is_sure=True)
