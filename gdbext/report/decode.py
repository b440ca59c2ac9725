# SPDX-License-Identifier: Apache-2.0
"""Passes the text of a console through and puts names of functions, files and lines below the addresses in it.

Approach: the bytes go out as they came. Below a line with addresses come lines that begin with `---`, as idf-monitor
writes them, so that other tools know them. The lines of a crash wait until it has told which build it is of, as that
often stands behind its backtrace, and all their names are asked at once. What waits is bounded.
Rejected: names at once (of a wrong build, and one process of the symboliser for each line).
Cost: that of the reader; text without addresses is handed on in large pieces. Memory: at most 256 KiB wait.
"""

from __future__ import annotations

from typing import Callable, Iterator, List, NamedTuple, Optional, Tuple, Union

from gdbext.console.names import Chosen
from gdbext.console.places import Place, places_in
from gdbext.console.reader import Reading
from gdbext.console.told import Names
from gdbext.console.unwinding import with_backtrace
from gdbext.model.console import Crash, Line
from gdbext.model.events import Stack
from gdbext.model.said import Said, said
from gdbext.report.printable import printable
from gdbext.report.sentences import words
from gdbext.source.console_lines import Passed, RawLine
from gdbext.trace.console_records import is_begun_in, record_in

MARK = "--- "
_MOST_WAITING_BYTES, _MOST_WAITING, _QUIET_LINES = 1 << 18, 512, 48
_MOST_BUILDS = 64  # of which something is said

Choose = Callable[[Optional[str], Optional[str]], Chosen]


class _Names(NamedTuple):
    """Where names go, and of what."""

    places: Tuple[Place, ...]
    end: bytes  # of the lines
    crash: Optional[Crash] = None  # one whose backtrace can be made
    heading: Optional[Said] = None

    def made(self, path: Optional[str]) -> _Names:
        """The same with the backtrace that can be made by a program."""
        found = self.crash if self.crash is None else with_backtrace(self.crash, path)
        if found is None or found is self.crash:
            return self
        places = tuple(Place(pc, at) for pc, at in zip(found.backtrace, found.calls))
        is_scan = found.backtrace_by == "scan"
        return self._replace(places=places, heading=said("decode-scan") if is_scan else said("decode-unwound"))


class Decoder:
    """Decodes one console. `choose` gives what names the addresses of a build: Programs.of."""

    def __init__(self, choose: Choose) -> None:
        self._choose = choose
        self._reading = Reading()
        self._told = Names()
        self._waiting: List[Union[bytes, _Names]] = []
        self._bytes = self._names = self._quiet = 0
        self._shown = 0  # bytes of a line that is not whole, which are out already
        self._end = self._last = b"\n"  # of the last line, and the last byte that went out
        self._was_stack = self._is_over = False
        self._builds: List[Tuple[Optional[str], Optional[str]]] = []  # of which something was said
        self.remarks: List[Said] = []  # what was said
        self._sha: Optional[str] = None
        self._build_id: Optional[str] = None

    @property
    def lines(self) -> int:
        """The lines that were read."""
        return self._reading.reader.lines

    @property
    def build(self) -> Tuple[Optional[str], Optional[str]]:
        """The sum and the build-id of the program that the last lines were of, as far as they were told."""
        return self._sha, self._build_id

    def add(self, data: bytes) -> Iterator[Union[bytes, Crash]]:
        """Takes the next bytes, UTF-8 or nearly so. Yields what goes out, and each crash that has ended."""
        for piece in self._reading.lines.add(data):
            yield from self._take(piece)
        if not self._names:
            yield from self._flush()

    def idle(self) -> Iterator[Union[bytes, Crash]]:
        """Nothing comes for the moment. Yields what waits, and the start of a line."""
        yield from self._flush()
        rest = self._reading.lines.rest[self._shown :]
        if rest:
            self._shown += len(rest)
            self._last = rest[-1:]
            yield rest

    def finish(self) -> Iterator[Union[bytes, Crash]]:
        """Nothing comes any more."""
        self._is_over = True
        for piece in self._reading.lines.finish():
            yield from self._take(piece)
        for line in self._reading.mender.finish():
            yield from self._read(line, self._end)
        yield from self._flush()
        for crash in self._reading.reader.finish():
            yield from self._ended(crash)

    def _take(self, piece: Union[Passed, RawLine]) -> Iterator[Union[bytes, Crash]]:
        self._let(piece.raw)
        if isinstance(piece, Passed):
            for line in self._reading.mender.finish():
                yield from self._read(line, self._end)
            for crash in self._reading.reader.passed(piece.raw, piece.lines, piece.number):
                yield from self._ended(crash)
            self._quiet += piece.lines
        else:
            self._end = piece.end or self._end
            for line in self._reading.mender.add(Line(piece.number, piece.text), piece.width):
                yield from self._read(line, self._end if piece.end or self._is_over else b"")
        if self._bytes > _MOST_WAITING_BYTES or self._names > _MOST_WAITING or self._quiet > _QUIET_LINES:
            yield from self._flush()

    def _let(self, raw: bytes) -> None:
        """Lets bytes go out behind what waits."""
        cut = min(self._shown, len(raw))
        self._shown -= cut
        if cut < len(raw):
            self._waiting.append(raw[cut:])
            self._bytes += len(raw)

    def _read(self, line: Line, end: bytes) -> Iterator[Union[bytes, Crash]]:
        reader = self._reading.reader
        for crash in reader.add(line):
            yield from self._ended(crash)
        self._sha, self._build_id = reader.sha256, reader.start.build_id
        places = places_in(line.text, reader.architecture, reader.is_in_dump)
        is_stack = reader.is_in_memory
        current = reader.current if self._was_stack and not is_stack else None
        if current is not None and end:
            self._unwind(current, end)
        self._was_stack = is_stack
        self._quiet = 0 if places or is_stack else self._quiet + 1
        self._tell(line.text, end)
        if places and end:  # a piece of a line that is too long gets none: it would be broken
            self._name(_Names(tuple(places), end))

    def _tell(self, text: str, end: bytes) -> None:
        """Puts in words what a record of memtrace's console tells."""
        record = record_in(text) if is_begun_in(text) and end else None
        told = None if record is None else self._told.take(record, self._reading.reader.start.names)
        if told is not None:
            self._waiting.append(printable(MARK + words(told)).encode("utf-8", "backslashreplace") + end)

    def _name(self, names: _Names) -> None:
        self._waiting.append(names)
        self._names += 1

    def _unwind(self, crash: Crash, end: bytes) -> None:
        """Lets the backtrace of a crash whose stack memory has ended wait for the program. It goes before this line."""
        last = self._waiting.pop() if self._waiting and isinstance(self._waiting[-1], bytes) else None
        self._name(_Names((), end, crash))
        if last is not None:
            self._waiting.append(last)

    def _ended(self, crash: Crash) -> Iterator[Union[bytes, Crash]]:
        self._sha, self._build_id = crash.elf_sha256, crash.build_id
        yield from self._flush()
        program = self._choose(crash.elf_sha256, crash.build_id).program
        yield with_backtrace(crash, None if program is None else program.path)

    def _flush(self) -> Iterator[bytes]:
        waiting, self._waiting = self._waiting, []
        self._bytes = self._names = self._quiet = 0
        if not waiting:
            return
        has_names = any(isinstance(one, _Names) for one in waiting)
        chosen = self._choose(self._sha, self._build_id) if has_names else Chosen(None, None)
        path = None if chosen.program is None else chosen.program.path
        ready = [one.made(path) if isinstance(one, _Names) else one for one in waiting]
        asked = sorted({place.at for one in ready if isinstance(one, _Names) for place in one.places})
        found = chosen.lookup(asked) if chosen.lookup is not None and asked else {}
        out: List[bytes] = []
        for one in ready:
            if isinstance(one, bytes):
                out.append(one)
                continue
            texts = self._heading(one) if found else []
            for place in one.places:
                texts += _lines_of(place, found.get(place.at, ()))
            if one.places and (self._sha, self._build_id) not in self._builds:
                texts += self._remark(chosen)
            if texts and not (out[-1] if out else self._last).endswith((b"\n", b"\r")):
                out.append(one.end)
            out += [printable(text).encode("utf-8", "backslashreplace") + one.end for text in texts]
        whole = b"".join(out)
        self._last = whole[-1:] or self._last
        yield whole

    def _heading(self, names: _Names) -> List[str]:
        if names.heading is None:
            return []
        self.remarks += [names.heading][: _MOST_BUILDS - len(self.remarks)]
        return [MARK + words(names.heading)]

    def _remark(self, chosen: Chosen) -> List[str]:
        """Says once a build what there is to say of its program."""
        if len(self._builds) >= _MOST_BUILDS:
            return []
        self._builds.append((self._sha, self._build_id))
        remark = remark_on(chosen, self._sha, self._build_id)
        self.remarks += [] if remark is None else [remark]
        return [] if remark is None else [MARK + words(remark)]


def remark_on(chosen: Chosen, sha: Optional[str], build_id: Optional[str]) -> Optional[Said]:
    """Says which program is wanted, or that the given one is another build, or that nobody can tell."""
    if chosen.is_wrong and chosen.other is not None:
        if sha is not None:
            has = chosen.other.sha256[: len(sha)]
            return said("decode-other-build", file=chosen.other.path, has=has, told=sha)
        return said("decode-other-id", file=chosen.other.path, has=chosen.other.build_id, told=build_id)
    if chosen.lookup is not None:
        is_told = sha is not None or build_id is not None or chosen.program is None
        return None if is_told or chosen.program is None else said("decode-unchecked", file=chosen.program.path)
    if sha is not None:
        return said("decode-wants-sha", sha=sha)
    return said("decode-wants") if build_id is None else said("decode-wants-build", build_id=build_id)


def _lines_of(place: Place, stack: Stack) -> List[str]:
    """Returns the lines that name an address: its function, then those into which it was inlined."""
    lines = []
    for number, frame in enumerate(stack):
        start = "(inlined by) " if number else f"0x{place.pc:08x}: "
        where = f" at {frame.file}:{frame.line}" if frame.file else ""
        lines.append(f"{MARK}{start}{frame.function or '??'}{where}")
    return lines
