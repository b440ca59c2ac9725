# SPDX-License-Identifier: Apache-2.0
"""Opens a file that may be a log of any size: plain, gzip or zstd, a pipe or standard input, in constant memory.

Approach: the first bytes tell what packs the file, never its name. A thread of its own unpacks, and waits when a few
pieces are ready: zlib and zstd do their work while the interpreter does its own. The start of the unpacked
bytes is kept, so that a file can be recognised before it is read on. A packed file that is cut off or damaged gives all
that it has; a remark says so.
Rejected: unpacking into a file first (a log may be larger than the disk); mapping (a pipe has no pages).
Cost: some 10 MB. Bytes are handed to zstd in small portions, as each may unpack to a thousand times as much.
"""

from __future__ import annotations

import itertools
import os
import stat
import sys
import zlib
from io import BytesIO
from itertools import chain
from queue import Full, Queue
from threading import Event, Thread
from typing import Any, BinaryIO, Callable, Dict, Iterable, Iterator, List, Optional, Tuple, Union

from gdbext.model.said import Said, Text, said
from gdbext.source.files import EMPTY, FileError, Loaded, load_file, whole_of
from gdbext.source.zstd import zstd

HEAD_BYTES = 4096
STANDARD_INPUT = "-"
_PIECE_BYTES = 1 << 18
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_GZIP_BITS = zlib.MAX_WBITS | 16
_REMARKS: Dict[str, Callable[[int], Said]] = {
    "gzip cut off": lambda read: said("gzip-cut", read=read),
    "gzip damaged": lambda read: said("gzip-damaged", read=read),
    "zstd cut off": lambda read: said("zstd-cut", read=read),
    "zstd damaged": lambda read: said("zstd-damaged", read=read),
}
_PORTION_BYTES = 1 << 10
_PIECES_READY = 8
_PATIENCE_SECONDS = 0.1  # until a thread looks whether anybody still wants its pieces


class _Broken(Exception):
    """The packed bytes are "damaged" or "cut off"."""


class LogFile:
    """A file that was opened: its unpacked bytes, once, from the start."""

    def __init__(self, path: str, file: BinaryIO) -> None:
        self.path = path
        self.remarks: List[Text] = []  # complete when all pieces were taken
        self._file = file
        self.is_regular = self._is_regular()
        start = _start_of(file, len(_ZSTD))
        self.packed_by = "gzip" if start[:2] == _GZIP else "zstd" if start == _ZSTD else ""
        self._count = 0
        raw = chain([start], _pieces(file))
        unpack = {"gzip": _ungzipped, "zstd": _unzstd}.get(self.packed_by)
        self._rest = raw if unpack is None else _in_thread(unpack(raw))
        self.head = b""  # the first HEAD_BYTES, or all there are
        for piece in self._counted():
            self.head += piece
            if len(self.head) >= HEAD_BYTES:
                break

    def _is_regular(self) -> bool:
        return stat.S_ISREG(os.fstat(self._file.fileno()).st_mode)

    @property
    def can_seek(self) -> bool:
        """Tells whether at() works."""
        return self.is_regular and not self.packed_by

    @property
    def can_grow(self) -> bool:
        """Tells whether later() may yield anything."""
        return self.can_seek

    def again(self) -> Optional[LogFile]:
        """Returns the same file, to be read from its start. None if it can be read only once."""
        return open_log(self.path) if self.is_regular and self.path != STANDARD_INPUT else None

    @property
    def size(self) -> int:
        """The bytes of the file, if it can seek."""
        return os.fstat(self._file.fileno()).st_size

    def at(self, place: int, size: int) -> bytes:
        """Returns `size` bytes from a place on, or as many as there are. Nobody must take chunks of it then."""
        self._file.seek(place)
        return self._file.read(size)

    def chunks(self) -> Iterator[bytes]:
        """Yields all bytes, once."""
        return chain([self.head], self._counted())

    def ahead(self) -> Iterator[bytes]:
        """Yields all bytes of a regular file, and takes none. Of what can be read only once: its head."""
        if self.can_seek:
            places = itertools.count(0, _PIECE_BYTES)
            yield from iter(lambda: os.pread(self._file.fileno(), _PIECE_BYTES, next(places)), b"")
        else:
            again = self.again()
            yield from [self.head] if again is None else again.chunks()

    def later(self) -> Iterator[bytes]:
        """Yields what has come to a file since all of it was taken. Nothing comes to one that cannot seek."""
        return _pieces(self._file) if self.can_seek else iter(())

    def whole(self) -> Loaded:
        """Returns all bytes, of a file that is no log: such are as small as memory."""
        if self.is_regular:
            return load_file(self.path)
        if not self.head:
            raise FileError(f"{self.path}: {EMPTY}")
        try:
            return Loaded(whole_of(self.chunks()), tuple(self.remarks))
        except FileError as problem:
            raise FileError(f"{self.path}: {problem}") from None

    def _counted(self) -> Iterator[bytes]:
        """Yields the pieces behind those that were taken. A problem of the packing ends them with a remark."""
        try:
            for piece in self._rest:
                self._count += len(piece)
                yield piece
        except _Broken as problem:
            if not self._count:
                raise FileError(
                    f"{self.path}: the {self.packed_by} file is {problem}, and nothing of it can be read"
                ) from None
            self.remarks.append(_REMARKS[f"{self.packed_by} {problem}"](self._count))
        except OSError as problem:
            raise FileError(f"{self.path}: {problem.strerror or problem}") from None


class HeldFile(LogFile):
    """A file that is in memory: it was taken out of a flash image. `path` says so."""

    def __init__(self, path: str, data: bytes, remarks: Tuple[Text, ...] = ()) -> None:
        self._data, self._told = data, remarks
        super().__init__(path, BytesIO(data))
        self.remarks[:0] = remarks

    def _is_regular(self) -> bool:
        return True

    @property
    def can_grow(self) -> bool:
        """Returns False."""
        return False

    def again(self) -> HeldFile:
        """Returns the same file, to be read from its start."""
        return HeldFile(self.path, self._data, self._told)

    def ahead(self) -> Iterator[bytes]:
        """Yields all bytes, and takes none."""
        return iter([self._data])

    @property
    def size(self) -> int:
        """The bytes of the file."""
        return len(self._data)

    def whole(self) -> Loaded:
        """Returns all bytes."""
        return Loaded(whole_of(self.chunks()), tuple(self.remarks))


def open_log(path: str) -> LogFile:
    """Opens a file; `-` is standard input. Raises FileError, or Trouble if a package is missing that unpacks it."""
    if path == STANDARD_INPUT and sys.stdin is None:
        raise FileError("the input is closed: nothing can be read from it")
    try:
        return LogFile(path, sys.stdin.buffer if path == STANDARD_INPUT else open(path, "rb"))
    except OSError as problem:
        hint = ": give a file in it" if isinstance(problem, IsADirectoryError) else ""
        raise FileError(f"{path}: {problem.strerror or problem}{hint}") from None


def _start_of(file: BinaryIO, size: int) -> bytes:
    start = b""
    while len(start) < size:
        piece = file.read(size - len(start))
        if not piece:
            break
        start += piece
    return start


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    """Yields what a file has. Of a pipe whatever is there: its writer may take a long time to fill a piece."""
    read = getattr(file, "read1", file.read)
    return iter(lambda: read(_PIECE_BYTES), b"")


def _portions(pieces: Iterable[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        yield from (piece[at : at + _PORTION_BYTES] for at in range(0, len(piece), _PORTION_BYTES))


def _ungzipped(raw: Iterable[bytes]) -> Iterator[bytes]:
    """Yields what the members of a gzip file unpack to. Zeros behind a member are no damage."""
    unpacker, begun = zlib.decompressobj(_GZIP_BITS), False
    for piece in raw:
        while piece:
            if unpacker.eof:
                unpacker, begun = zlib.decompressobj(_GZIP_BITS), False
                piece = piece.lstrip(b"\0")
                continue
            try:
                data = unpacker.decompress(piece, _PIECE_BYTES)
            except zlib.error:
                raise _Broken("damaged") from None
            begun = True
            if data:
                yield data
            piece = unpacker.unconsumed_tail or unpacker.unused_data
    if begun and not unpacker.eof:
        yield unpacker.flush()
        raise _Broken("cut off")


def _unzstd(raw: Iterable[bytes]) -> Iterator[bytes]:
    """Yields what the frames of a zstd file unpack to."""
    module = zstd()
    unpacker, begun = module.ZstdDecompressor().decompressobj(), False
    for portion in _portions(raw):
        while portion:
            if unpacker.eof:
                unpacker, begun = module.ZstdDecompressor().decompressobj(), False
            try:
                data = unpacker.decompress(portion)
            except module.ZstdError:
                raise _Broken("damaged") from None
            begun = True
            if data:
                yield data
            portion = unpacker.unused_data
    if begun and not unpacker.eof:
        raise _Broken("cut off")


def _in_thread(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yields pieces that a thread makes ahead of time. It ends when nobody takes them any more."""
    ready: Any = Queue(_PIECES_READY)  # of pieces; what ended them comes last
    is_over = Event()

    def put(piece: Union[bytes, BaseException, None]) -> None:
        while not is_over.is_set():
            try:
                ready.put(piece, timeout=_PATIENCE_SECONDS)
                return
            except Full:
                pass

    def work() -> None:
        try:
            for piece in _joined(pieces, is_over):
                put(piece)
            put(None)
        except BaseException as problem:  # it is raised again where the pieces are taken
            put(problem)

    Thread(target=work, daemon=True).start()
    try:
        while True:
            piece = ready.get()
            if piece is None:
                return
            if isinstance(piece, BaseException):
                raise piece
            yield piece
    finally:
        is_over.set()


def _joined(pieces: Iterator[bytes], is_over: Event) -> Iterator[bytes]:
    """Yields pieces of a good size, and what there is when they end or break."""
    parts: List[bytes] = []
    size = 0
    try:
        for piece in pieces:
            parts.append(piece)
            size += len(piece)
            if size >= _PIECE_BYTES:
                yield b"".join(parts)
                parts, size = [], 0
            if is_over.is_set():
                return
    except _Broken:
        yield b"".join(parts)
        raise
    if parts:
        yield b"".join(parts)
