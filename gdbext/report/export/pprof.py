# SPDX-License-Identifier: Apache-2.0
"""Writes pprof's profile.proto, packed: for `go tool pprof`, Perfetto, Pyroscope, Parca.

Approach: Go's four sample types in Go's order, then those at the global peak, which sum up as a stack's own peak does
not. Samples of one stack and the same labels are one. All names are ours, and each mapping says so: else pprof would
look for files to ask. A location has a line for each inlined function, innermost first.
Rejected: the package protobuf (inside GDB there is the standard library alone; the writer is 20 lines).
Cost: some 10 microseconds a stack.
Limits: numbers have 63 bits; what is more is written as the most. The core of an allocation is not told: the sums of a
report do not have it. Names are readable ones, for system_name too.
"""

from __future__ import annotations

import zlib
from functools import lru_cache
from typing import Any, BinaryIO, Callable, Dict, Iterable, List, Optional, Tuple

from gdbext.heap.names import ALLOCATORS
from gdbext.model.events import Frame, Stack
from gdbext.model.reports.export import ExportReport, Mapping, Sample
from gdbext.report.export.frames import NO_STACK, by_address, file_of, name_of, remarks_of
from gdbext.report.export.metrics import METRICS, weights
from gdbext.report.outputs import Output
from gdbext.report.printable import printable

_TYPES = (
    ("alloc_objects", "count", "allocations"),
    ("alloc_space", "bytes", "total"),
    ("inuse_objects", "count", "live-blocks"),
    ("inuse_space", "bytes", "live"),
    ("peak_objects", "count", "peak-blocks"),
    ("peak_space", "bytes", "peak"),
)
_DEFAULT = "inuse_space"
_MOST = (1 << 63) - 1
_HIGHEST = (1 << 64) - 1
_NANOSECONDS = 1_000_000_000
_GZIP = 16 + zlib.MAX_WBITS  # for zlib: with gzip's head, whose time is 0
_LEVEL = 6
_Key = Tuple[Tuple[int, ...], bytes]  # locations and labels


def write_pprof(report: ExportReport, _: Callable[[Any], Any], out: BinaryIO) -> None:
    """Writes the profile."""
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    for piece in _Profile(report).pieces():
        out.write(packer.compress(piece))
    out.write(packer.flush())


class _Profile:
    """A profile that is being made."""

    def __init__(self, report: ExportReport) -> None:
        self._report = report
        self._texts: Dict[str, int] = {"": 0}
        self._functions: Dict[Tuple[str, str], int] = {}
        self._locations: Dict[Tuple[int, ...], int] = {}
        self._made: List[bytes] = []  # of locations and functions
        self._mappings = report.mappings
        self._frames: List[Stack] = []  # keeps alive what self._locations has by id

    def text(self, text: str) -> int:
        """Returns the index of a text."""
        return self._texts.setdefault(text, len(self._texts))

    def pieces(self) -> Iterable[bytes]:
        """Yields the parts of the profile. Texts come last, when all are known."""
        report = self._report
        yield b"".join(_part(1, self._type(name, unit)) for name, unit, _ in _TYPES)
        yield b"".join(_part(2, sample) for sample in self._samples())
        yield b"".join(_part(3, self._mapping(number, one)) for number, one in enumerate(self._mappings, 1))
        yield b"".join(self._made)
        if report.all_frames:
            yield _number(7, self.text(ALLOCATORS))
        hz, first, last = report.timeline.hz, report.first_time, report.last_time
        if hz and first is not None and last is not None:
            yield _number(10, min(max(0, last - first) * _NANOSECONDS // hz, _MOST))
        yield _part(11, self._type("space", "bytes")) + _number(12, 1)
        yield b"".join(_number(13, self.text(line)) for line in remarks_of(report))
        yield _number(14, self.text(_DEFAULT))
        yield b"".join(_part(6, text.encode("utf-8", "replace")) for text in self._texts)

    def _type(self, name: str, unit: str) -> bytes:
        return _number(1, self.text(name)) + _number(2, self.text(unit))

    def _samples(self) -> Iterable[bytes]:
        """Yields the samples, those of one stack and the same labels as one."""
        columns = [weights(self._report, METRICS[metric]) for _, _, metric in _TYPES]
        heaps = {heap.name: heap for heap in self._report.heaps}
        sums: Dict[_Key, List[int]] = {}
        for sample, values in zip(self._report.samples, zip(*columns)):
            heap = None if sample.heap is None else heaps.get(sample.heap)
            caps = 0 if heap is None else heap.capabilities
            locations = tuple([self._location(frames) for frames in by_address(sample.frames)])
            key = locations or (self._location((Frame(0, NO_STACK),)),), self._labels(sample, caps)
            known = sums.get(key)
            sums[key] = list(values) if known is None else [one + more for one, more in zip(known, values)]
        for (locations, labels), numbers in sums.items():
            yield _packed(1, locations) + _packed(2, [min(number, _MOST) for number in numbers]) + labels

    def _labels(self, sample: Sample, capabilities: int) -> bytes:
        texts = (
            ("task", sample.task),
            ("heap", sample.heap),
            ("caps", f"{capabilities:#x}" if capabilities else None),
            ("module", sample.module),
        )
        labels = [_number(1, self.text(key)) + _number(2, self.text(printable(text))) for key, text in texts if text]
        count, size = (
            (sample.allocations, sample.bytes) if sample.allocations else (sample.live_blocks, sample.live_bytes)
        )
        if count and size // count:
            labels.append(_number(1, self.text("bytes")) + _number(3, size // count) + _number(4, self.text("bytes")))
        return b"".join(_part(3, label) for label in labels)

    def _location(self, frames: Stack) -> int:
        """Returns the number of a location. Frames that are the same are mostly one object, and their ids are quick."""
        key = tuple(map(id, frames)) if frames[0].pc else (0,)
        if key not in self._locations:
            self._frames.append(frames)
            number = self._locations[key] = len(self._locations) + 1
            lines = b"".join(_part(4, _number(1, self._function(one)) + _number(2, one.line or 0)) for one in frames)
            pc = frames[-1].pc & _HIGHEST
            self._made.append(_part(4, _number(1, number) + _number(2, self._place(pc)) + _number(3, pc) + lines))
        return self._locations[key]

    def _place(self, pc: int) -> int:
        """Returns the number of the mapping that a return address is of; 0: none."""
        return next((number for number, one in enumerate(self._mappings, 1) if one.start < pc <= one.end), 0)

    def _function(self, frame: Frame) -> int:
        key = name_of(frame) if frame.pc else NO_STACK, file_of(frame)
        if key not in self._functions:
            number = self._functions[key] = len(self._functions) + 1
            name, file = self.text(key[0]), self.text(key[1])
            self._made.append(_part(5, _number(1, number) + _number(2, name) + _number(3, name) + _number(4, file)))
        return self._functions[key]

    def _mapping(self, number: int, one: Mapping) -> bytes:
        file, build_id = self.text(printable(one.file)), self.text(printable(one.build_id or ""))
        told = b"".join(_number(field, 1) for field in (7, 8, 9, 10))
        where = _number(1, number) + _number(2, one.start & _HIGHEST) + _number(3, min(one.end, _HIGHEST))
        return where + _number(5, file) + _number(6, build_id) + told


@lru_cache(maxsize=1 << 16)
def _varint(number: int) -> bytes:
    made = bytearray()
    while number > 127:
        made.append(number & 127 | 128)
        number >>= 7
    made.append(number)
    return bytes(made)


def _number(field: int, number: Optional[int]) -> bytes:
    """Returns a field with a number, nothing for 0."""
    return _varint(field << 3) + _varint(number) if number else b""


def _part(field: int, data: bytes) -> bytes:
    """Returns a field with a text or a message, an empty one too."""
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _packed(field: int, numbers: Iterable[int]) -> bytes:
    return _part(field, b"".join(map(_varint, numbers)))


OUTPUT = Output((".pb.gz", ".pprof"), write_pprof, (ExportReport,), packed=True)
