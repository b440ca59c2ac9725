# SPDX-License-Identifier: Apache-2.0
"""Replays a log into a profile, also while it is still being written.

Approach: a log goes through three hands, piece by piece: a scan finds what it defines, the stacks get their names in
one batch, then the replay takes the piece and asks for the nodes of each new owner. Of a file the definitions of the
first pieces are read before, so that there is one batch and not one a piece; a pipe is read once.
Rejected: names when the replay asks for them (a question to a symboliser for each stack).
Cost: the first 256 pieces of a file are unpacked twice; of another tool's log they are kept, as it takes longer to read
them. Memory: that of the replay, the definitions, and one piece.
"""

from __future__ import annotations

import signal
import time
from argparse import Namespace
from itertools import chain, islice
from typing import Any, Iterable, Iterator, Optional, Set, Tuple

from gdbext.collect.processes import process_uses
from gdbext.collect.profiles import LogNames, Profiled, check_marks, grouping_of, missing, wish_of
from gdbext.model.errors import UserError
from gdbext.model.events import Stack
from gdbext.model.profile import Profile
from gdbext.model.record import replace
from gdbext.model.reports.base import Cost, Skipped
from gdbext.model.reports.export import Move
from gdbext.model.reports.report import LogSource
from gdbext.model.said import Said, said
from gdbext.target.log import GivenLog
from gdbext.trace.engine import replay_of
from gdbext.trace.format import FIXED_CONTEXTS
from gdbext.trace.log_scan import DefinitionScan
from gdbext.trace.log_trace import info_of
from gdbext.trace.moves import MoveReplay, moves_in
from gdbext.trace.opened import OURS

_FIRST_PIECES = 256
_PACE_SECONDS, _PAUSE_SECONDS = 1.0, 0.1  # between reports, and between looks at a file that has not grown
_MOST_LIVE = 1 << 17  # blocks that are looked at one by one


class _Interrupt:
    """Notes Ctrl-C, so that the last report is a whole one. `raises`: it also ends a read that waits for a pipe."""

    def __init__(self, raises: bool) -> None:
        self.came, self._raises = False, raises
        self._before: Any = None

    def __enter__(self) -> _Interrupt:
        self._before = signal.signal(signal.SIGINT, self._caught)
        return self

    def _caught(self, number: int, frame: object) -> None:
        self.came = True
        if self._raises:
            raise KeyboardInterrupt

    def __exit__(self, kind: Optional[type], value: object, trace: object) -> bool:
        signal.signal(signal.SIGINT, self._before)
        return kind is KeyboardInterrupt


class LogProfile:
    """A log on its way into a profile. What is added to the log later can be read later."""

    def __init__(self, log: GivenLog, options: Namespace, until: Optional[str] = None) -> None:
        if not hasattr(options, "processes"):
            log.require_one()
        self._log, self._symbols, self._scan = log, log.symbols, DefinitionScan()
        names = LogNames(self._scan, FIXED_CONTEXTS if log.opened.format == OURS else {}, self._symbols.library)
        self._grouping = grouping_of(options, names, self._frames)
        self._wish = wish_of(options, self._grouping, until, log.run)
        self._replay = replay_of(self._wish)
        names.name_of = self._replay.name_of
        self._began = time.monotonic()
        self._bytes = self._reads = 0

    def read(self) -> None:
        """Reads the whole log."""
        for piece in self._pieces():
            self._take(piece)

    def follow(self) -> Iterator[Profiled]:
        """Yields the profile whenever more has come, until Ctrl-C or the end of a pipe; at last that of all."""
        opened, reported, told = self._log.opened, -_PACE_SECONDS, 0
        pieces = self._pieces()
        with _Interrupt(raises=not opened.can_grow) as interrupt:
            while not interrupt.came:
                piece = next(pieces, None)
                if piece is not None:
                    self._take(piece)
                elif not opened.can_grow:
                    break
                else:
                    time.sleep(_PAUSE_SECONDS)
                    pieces = opened.later()
                if self._bytes > told and time.monotonic() - reported >= _PACE_SECONDS:
                    yield self._profiled(self._replay.so_far())
                    reported, told = time.monotonic(), self._bytes
        for piece in opened.later():
            self._take(piece)
        yield self.profiled()

    def _take(self, piece: bytes) -> None:
        """Names the stacks of a piece, in one batch, and replays it."""
        self._scan.feed(piece)
        self._symbols.begin(_build_id(self._scan), self._scan.modules)
        self._symbols.prepare(self._scan.new_addresses())
        self._replay.feed(piece)
        self._bytes, self._reads = self._bytes + len(piece), self._reads + 1

    def _frames(self, pcs: Tuple[int, ...]) -> Stack:
        """Returns the frames of a stack as recorded, or as addresses of code."""
        header = self._scan.header
        return self._symbols.frames(pcs if header is None else tuple(map(header.code_address, pcs)))

    def _pieces(self) -> Iterator[bytes]:
        """Returns the pieces of the log, when the stacks of the first ones of a file have got their names at once."""
        opened = self._log.opened
        again, scan = opened.again(), DefinitionScan()
        pieces = opened.chunks()
        if again is None:
            return pieces
        first: Iterable[bytes] = islice(again.chunks(), _FIRST_PIECES)
        if opened.format != OURS:
            first = kept = list(islice(pieces, _FIRST_PIECES))
            pieces = chain(kept, pieces)
        found: Set[int] = set()
        for piece in first:
            scan.feed(piece)
            found |= scan.new_addresses()
        self._symbols.begin(_build_id(scan), scan.modules)
        self._symbols.prepare(found)
        return pieces

    def profiled(self) -> Profiled:
        """Returns the profile of the log, when all of it has been read."""
        profile = self._replay.finish()
        self._log.require_run(profile.runs)
        check_marks(self._wish, self._scan.names)
        return self._profiled(profile)

    def _profiled(self, profile: Profile) -> Profiled:
        opened, told = self._log.opened, _build_id(self._scan)
        doubts: Tuple[Said, ...] = ()
        if opened.beside.sums:
            self._refuse_moments()
            profile = opened.beside.sums.of(profile, self._grouping.numbers_of)
            doubts = opened.beside.sums.doubts(profile)
        totals, remarks = profile.totals, tuple(Skipped("log", remark) for remark in (*opened.remarks(), *doubts))
        notes = tuple(Skipped("log", note) for note in opened.beside.notes)
        lacks = tuple(Skipped("log", lack) for lack in opened.lacks)
        whole = not (totals.lost or totals.unread or remarks)
        symbols = self._symbols.problems if self._symbols.has_names else (said("profile-no-names"),)
        processes, unread = process_uses(self._log, profile)
        named = (Skipped("symbols", why) for why in symbols)
        skipped = (*remarks, *notes, *lacks, *named, *missing(profile), *unread)
        return Profiled(
            profile,
            self._grouping,
            () if not opened.has_addresses else self._replay.live() if totals.live_blocks <= _MOST_LIVE else None,
            LogSource(opened.format, opened.path, told, whole, totals.unread, opened.sign),
            None if self._scan.header is None else self._scan.header.tick_hz or None,
            (info_of(opened, profile, self._wish), skipped, self._cost(), self._symbols.build_id or told),
            opened.untold,
            tuple(opened.beside.wrong_frees),
            opened.beside.sums.unit,
            lambda: self._moves(profile.runs),
            self._symbols.mappings,
            processes,
        )

    def _refuse_moments(self) -> None:
        """Raises UserError if the options choose among events, of a log that has none."""
        wish = self._wish
        if wish.since or wish.until or wish.least or wish.most is not None:
            raise UserError(
                f"{self._log.opened.path} has sums in place of calls: --since, --until, --at and --size cannot choose"
            )

    def _moves(self, runs: int) -> Iterator[Move]:
        """Reads the moves of the same run. `runs`: how many the log has."""
        again, run = self._log.opened.again(), self._wish.run
        if not self._log.opened.has_calls:
            raise UserError(f"{self._log.opened.path} has sums in place of calls: this form tells each of them")
        if again is None:
            raise UserError(f"this form is made by reading {self._log.opened.path} twice: `memtrace convert` it first")
        if run == "all" and runs > 1:
            raise UserError(f"this form has one run of the program, and the log {runs:,}: choose one by --run N")
        wish = replace(self._wish, run=run if isinstance(run, int) else runs)
        return moves_in(MoveReplay(wish), again.chunks())

    def _cost(self) -> Cost:
        return Cost(self._bytes, self._reads, time.monotonic() - self._began)


def _build_id(scan: DefinitionScan) -> Optional[str]:
    """Returns the build-id of the program that recorded; None if the log does not tell."""
    return None if scan.header is None or not scan.header.build_id.strip("0") else scan.header.build_id
