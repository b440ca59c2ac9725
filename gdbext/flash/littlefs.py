# SPDX-License-Identifier: Apache-2.0
"""Reads files out of a littlefs, disk versions 2.0 and 2.1.

Approach: a folder is a list of pairs of blocks. Each block is a log of commits with a checksum: the entries of all
sound commits are replayed, of the block with the newer revision, or of the other one where that has no sound commit.
The superblock says which block size it is. A file of many blocks is a list from its end to its start, in which every
second block points further back, too: as most blocks are named twice, a block that was lost gives itself away.
Rejected: the C library (littlefs-python; the tests compare with it). It must be told the block size, ends the process
at what its assertions forbid, has no bound on time, reads erased blocks as data, and mounts nothing if one folder is
lost.
Cost: each block of a folder is read once when it is mounted; those of a file when it is asked for.
Limits: a file's first block that was overwritten cannot be told from data; if it is all 0xff, it counts as lost. Where
one block of a pair is beyond the end of the image, the other one counts, though it may be the older.
"""

from __future__ import annotations

import struct
from binascii import crc32
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple, Union

from gdbext.flash import DEEPEST, Contents, Entry, FileSystem, Place
from gdbext.model.said import Trouble, said
from gdbext.source.overlaps import Bytes

_MAGIC = b"littlefs"
_MAGIC_AT = 8  # in either block of the first pair
_VERSION_AT, _SIZE_AT = 12, 16  # from the magic
_SMALLEST, _LARGEST = 128, 1 << 18  # bytes of a block
_MOST_SUPERBLOCKS = 64
_MOST_BEFORE = 64  # blocks before a superblock in which the first one is sought
_VERSIONS = 0x2_0000, 0x2_0001
_ROOT = (0, 1)
_NOWHERE = 0xFFFF_FFFF
_SECTOR = 4096  # partitions begin at one

# Tags: 11 bits of type, of which the first 3 are the kind; 10 bits of an entry's number; 10 bits of length.
_NAME, _STRUCT, _TAIL = 0, 2, 6
_FILE, _FOLDER, _SUPERBLOCK = 0x001, 0x002, 0x0FF
_INLINE, _BLOCKS, _PAIR = 0x201, 0x202, 0x200
_CREATE, _DELETE, _MOVE = 0x401, 0x4FF, 0x7FF
_DELETED = 0x3FF  # a length

Pair = Tuple[int, int]


class _Pair(NamedTuple):
    """A folder."""

    one: int
    other: int


class _Chain(NamedTuple):
    """A file of whole blocks."""

    head: int  # its last block
    size: int


class _Item:
    """An entry of a folder: the superblock, a file, or a folder."""

    def __init__(self) -> None:
        self.name, self.kind = b"", 0
        self.held: Union[bytes, _Chain, _Pair, None] = None


class _Node(NamedTuple):
    """A pair of blocks: a folder, or a part of one."""

    items: List[_Item]
    tail: Pair
    goes_on: bool  # at its tail; else there only the next folder begins
    move: Tuple[int, int, int]


class LittleFs:
    """A littlefs that was recognised: its files are known from the start."""

    def __init__(self, data: Bytes, block: int) -> None:
        self._data, self._block = data, block
        self._count = -(-len(data) // block)
        self._nodes: Dict[Pair, Optional[_Node]] = {}
        self._move = (0, 0, 0)
        self.has_root = False
        self._root = self._scanned()
        self._files: Dict[str, Union[bytes, _Chain]] = {}
        self._lost_folders = 0
        self._find_files()

    def entries(self) -> Sequence[Entry]:
        """Returns all files."""
        return [Entry(path, held.size if isinstance(held, _Chain) else len(held)) for path, held in self._files.items()]

    def contents(self, path: str) -> Optional[Contents]:
        """Returns a file's bytes, up to the first block that is not there."""
        held = self._files.get("/" + path.lstrip("/"))
        if held is None:
            if self._lost_folders:
                raise Trouble(said("littlefs-folders-lost", folders=self._lost_folders))
            return None
        return self._chained(held) if isinstance(held, _Chain) else Contents(held)

    def is_whole(self) -> bool:
        """Tells whether all folders and all blocks of files are where others say."""
        chains = (held for held in self._files.values() if isinstance(held, _Chain))
        return not self._lost_folders and all(None not in (self._numbers(held) or [None]) for held in chains)

    def _scanned(self) -> Pair:
        """Follows the list of all pairs: it gives the move that power was lost in, and which pair is the root."""
        at, root, seen = _ROOT, _ROOT, set()
        while at not in seen:
            seen.add(at)
            node = self._node(at)
            if node is None:
                break
            if _says(node, self._block):
                self.has_root, root = True, at
            tag, first, second = self._move
            self._move = (tag ^ node.move[0], first ^ node.move[1], second ^ node.move[2])
            at = node.tail
        return root

    def _find_files(self) -> None:
        folders, seen = [("", self._root, 0)], set()
        while folders:
            path, pair, depth = folders.pop()
            while pair not in seen:
                seen.add(pair)
                node = self._node(pair)
                if node is None:
                    self._lost_folders += 1
                    break
                for item in self._kept(pair, node):
                    place = f"{path}/{item.name.decode('utf-8', 'surrogateescape')}"
                    if item.kind == _FILE and isinstance(item.held, (bytes, _Chain)):
                        self._files.setdefault(place, item.held)
                    elif item.kind == _FOLDER and isinstance(item.held, _Pair) and depth < DEEPEST:
                        folders.append((place, item.held, depth + 1))
                if not node.goes_on:
                    break
                pair = node.tail

    def _kept(self, pair: Pair, node: _Node) -> List[_Item]:
        """Returns the entries of a pair, without one that was moved elsewhere when power was lost."""
        tag, *moved = self._move
        gone = tag >> 10 & 0x3FF if tag >> 28 & 7 and set(pair) & set(moved) else None
        return [item for number, item in enumerate(node.items) if number != gone]

    def _node(self, pair: Pair) -> Optional[_Node]:
        """Returns what a pair holds now. None: neither of its blocks has a sound commit."""
        if pair not in self._nodes:
            if len(self._nodes) > self._count:  # a block is in one pair
                return None
            self._nodes[pair] = next((node for node in map(_node_of, self._newer_first(pair)) if node), None)
        return self._nodes[pair]

    def _newer_first(self, pair: Pair) -> Iterator[bytes]:
        one, other = (self._bytes_of(number) for number in pair)
        newer = (_word(other, 0) - _word(one, 0)) & 0xFFFF_FFFF
        yield from (other, one) if 0 < newer < 1 << 31 else (one, other)

    def _bytes_of(self, number: int) -> bytes:
        """Returns a block, or what the image has of it."""
        return self._data[number * self._block : (number + 1) * self._block] if number < self._count else b""

    def _chained(self, held: _Chain) -> Contents:
        if not held.size:
            return Contents(b"")
        numbers = self._numbers(held)
        if not numbers:
            raise Trouble(said("littlefs-too-large", size=held.size, blocks=self._count))
        parts, left = [], held.size
        for index, number in enumerate(numbers):
            head = 4 * _pointers(index)
            want = min(left, self._block - head)
            part = b"" if number is None else self._bytes_of(number)[head : head + want]
            if not index and part.count(b"\xff") == self._block:
                part = b""
            parts.append(part)
            left -= len(part)
            if len(part) < want:
                read = held.size - left
                if not read:
                    raise Trouble(said("flash-file-lost", all=held.size))
                return Contents(b"".join(parts), said("flash-file-cut", read=read, all=held.size))
        return Contents(b"".join(parts))

    def _index(self, at: int) -> int:
        """Returns which block of a file holds its byte `at`: a block has a pointer, and every 2^n-th has n more."""
        room = self._block - 8
        most = at // room
        return (at - 4 * (bin(most - 1).count("1") + 2)) // room if most else 0

    def _numbers(self, held: _Chain) -> List[Optional[int]]:
        """Returns where the blocks of a file are. None: lost, or named differently by two others. []: too many.

        Blocks are taken from the last to the first. What a block says of those before it counts unless it points out of
        the file system, or to a block that is in the list already. Where two differ, what is told of one block is tried
        on the blocks that it names in turn.
        """
        last = self._index(held.size - 1)
        if last >= self._count:
            return []
        found: List[Optional[int]] = [None] * (last + 1)
        told: Dict[int, Dict[int, List[int]]] = {
            last: {held.head: [last]}
        }  # by index: block, and the indexes that say so
        taken: Set[int] = set(_ROOT)
        for index in range(last, -1, -1):
            choice = told.get(index, {})
            if len(choice) > 1:
                fits = [number for number in choice if self._fits(index, number)]
                choice = {number: choice[number] for number in fits} if len(fits) == 1 else {}
                for number, tellers in told[index].items():
                    for teller in tellers if number not in choice else ():
                        found[teller] = None
            number = next(iter(choice), _NOWHERE)
            if number >= self._count or number in taken:
                continue
            taken.add(number)
            before = self._before(index, number)
            if all(number < self._count and number not in taken for number in before):
                found[index] = number
                for power, number in enumerate(before):
                    told.setdefault(index - (1 << power), {}).setdefault(number, []).append(index)
        return found

    def _before(self, index: int, number: int) -> List[int]:
        """Returns the blocks that a block points to."""
        start = number * self._block
        return [_word(self._data, start + 4 * power) for power in range(_pointers(index))]

    def _fits(self, index: int, number: int) -> bool:
        """Tells whether the second pointer of an even block leads to where its first one does in two steps."""
        before = self._before(index, number) if number < self._count else []
        return len(before) > 1 and before[0] < self._count and self._before(1, before[0]) == before[1:2]


def _pointers(index: int) -> int:
    """Returns how many blocks a block of a file points to."""
    return (index & -index).bit_length()


def _word(data: Bytes, at: int) -> int:
    """Returns a word; beyond the data what an erased flash reads as."""
    return int.from_bytes(data[at : at + 4].ljust(4, b"\xff"), "little")


def _commits(block: bytes) -> Optional[List[Tuple[int, int]]]:
    """Returns the entries of a block's sound commits: tags, and where their data begin. None: it has no commit."""
    tags: List[Tuple[int, int]] = []
    sound, at, start, before = -1, 4, 0, 0xFFFF_FFFF
    while at + 4 <= len(block):
        tag = int.from_bytes(block[at : at + 4], "big") ^ before
        size = tag & 0x3FF
        end = at + 4 + (0 if size == _DELETED else size)
        if tag >> 31 or end > len(block):
            break
        if tag >> 20 & 0x780 == 0x500:  # the end of a commit
            if crc32(block[start : at + 4]) ^ 0xFFFF_FFFF != _word(block, at + 4):
                break
            sound, start = len(tags), end
            tag ^= (tag >> 20 & 1) << 31
        else:
            tags.append((tag, at + 4))
        before, at = tag, end
    return tags[:sound] if sound >= 0 else None


def _node_of(block: bytes) -> Optional[_Node]:
    """Replays the commits of a block. None: it has none."""
    items: List[_Item] = []
    tail, goes_on, move = (_NOWHERE, _NOWHERE), False, (0, 0, 0)
    tags = _commits(block)
    if tags is None:
        return None
    for tag, at in tags:
        kind, number, size = tag >> 20, tag >> 10 & 0x3FF, tag & 0x3FF
        data = block[at : at + (0 if size == _DELETED else size)]
        if kind == _CREATE:
            items.insert(number, _Item())
        elif kind == _DELETE:
            del items[number : number + 1]
        elif kind >> 8 == _NAME:
            items += [_Item() for _ in range(number + 1 - len(items))]
            items[number].name, items[number].kind = data, kind
        elif kind >> 8 == _STRUCT and number < len(items):
            items[number].held = _held(kind, data)
        elif kind >> 8 == _TAIL and len(data) >= 8:
            tail, goes_on = struct.unpack_from("<2I", data), bool(kind & 1)
        elif kind == _MOVE and len(data) >= 12:
            move = struct.unpack_from("<3I", data)
    return _Node(items, tail, goes_on, move)


def _held(kind: int, data: bytes) -> Union[bytes, _Chain, _Pair, None]:
    if kind == _INLINE:
        return data
    if len(data) < 8:
        return None
    first, second = struct.unpack_from("<2I", data)
    return _Chain(first, second) if kind == _BLOCKS else _Pair(first, second) if kind == _PAIR else None


def _superblocks(data: Bytes) -> Iterator[Tuple[int, int, int]]:
    """Yields where blocks with a superblock begin, the size of a block and their count; not more than are worth it.

    The first pair need not have one: where that has been rewritten often, the root has moved on.
    """
    at, tried = data.find(_MAGIC), 0
    while at >= 0 and tried < _MOST_SUPERBLOCKS:
        start, size, step = at - _MAGIC_AT, _word(data, at + _SIZE_AT), 1
        if start >= 0 and _word(data, at + _VERSION_AT) in _VERSIONS and _SMALLEST <= size <= _LARGEST:
            tried += 1
            node = _node_of(data[start : start + size])
            if node is not None and _says(node, size):
                step = size
                yield start, size, _word(data, at + _SIZE_AT + 4)
        at = data.find(_MAGIC, at + step)


def _says(node: _Node, size: int) -> bool:
    """Tells whether a pair has a superblock with this size of blocks."""
    held = (item.held for item in node.items if item.kind == _SUPERBLOCK)
    return any(isinstance(one, bytes) and _word(one, 4) == size for one in held)


def mounted(data: Bytes) -> Optional[LittleFs]:
    """Returns the file system. None: the bytes are no littlefs, or its root is lost."""
    for size in dict.fromkeys(size for start, size, _ in _superblocks(data) if start % size == 0):
        files = LittleFs(data, size)
        if files.has_root:
            return files
    return None


def places(data: Bytes) -> Iterator[Place]:
    """Yields where the first block is of file systems in which nothing is lost."""
    past, tried = 0, 0
    for start, size, count in _superblocks(data):
        is_second = start >= size and _node_of(data[start - size : start]) is not None
        first_pair = (1, 0) if is_second else (0, 1)
        for before in (*first_pair, *range(2, min(count, _MOST_BEFORE))) if start >= past else ():
            begin = start - before * size
            if begin < past or begin % _SECTOR or not _may_begin(data, begin, size) or tried > _MOST_SUPERBLOCKS:
                continue
            tried += 1
            files = LittleFs(data[begin : begin + size * count], size)
            if files.has_root and files.is_whole():
                yield Place(begin, size * count)
                past = begin + size * count
                break


def _may_begin(data: Bytes, at: int, size: int) -> bool:
    """Tells whether one of two blocks has a sound commit."""
    return any(_node_of(data[start : start + size]) is not None for start in (at, at + size))


FILESYSTEM = FileSystem("littlefs", mounted, places, is_sure=True)
