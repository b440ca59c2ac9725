# SPDX-License-Identifier: Apache-2.0
"""memtrace explain, in the shell: Say what happened, from the text that a device wrote to its console.

Approach: the text goes through with the names of its addresses, as `memtrace decode` shows it; behind it stands what
happened. A pipe is read as it comes.
Cost: that of `memtrace decode`, and some milliseconds a crash. Memory: one crash, what was
said of the others (at most 4,096), and at most 16 MiB of listings.
"""

from __future__ import annotations

import sys
import time
from argparse import Namespace
from typing import Callable, Iterable, Iterator, List, Union

from gdbext.analyse.console import explained
from gdbext.analyse.console.falling import falling
from gdbext.collect.free_memory import FreeMemory
from gdbext.collect.listed import Listings
from gdbext.commands.command import Argument, Tool
from gdbext.commands.decode import ELF, LOG, SYMBOLS, Output, arriving
from gdbext.console.names import Chosen, Programs
from gdbext.model.console import Crash
from gdbext.model.errors import UserError
from gdbext.model.events import Frame, Stack
from gdbext.model.record import replace
from gdbext.model.reports.base import Cost, Skipped
from gdbext.model.reports.explain import ExplainReport
from gdbext.model.said import Trouble
from gdbext.report.decode import Decoder
from gdbext.report.json import to_json
from gdbext.report.printable import put, say, text_of
from gdbext.report.sentences import words
from gdbext.report.style import fitted
from gdbext.report.text.explain import explain_lines
from gdbext.source.files import FileError
from gdbext.source.log_file import open_log

_ARGUMENTS = (
    LOG,
    ELF,
    SYMBOLS,
    Argument("--summary", "what happened alone, without the text", {"action": "store_true"}),
    Argument("--json", "what happened alone, as JSON", {"action": "store_true"}),
)
_MORE = "Example: memtrace explain --elf build/app.elf < console.log"


def start(options: Namespace, _: List[str]) -> int:
    """Reads the text and says what happened. UserError says why it cannot be read."""
    try:
        report = _report(options)
    except Trouble as problem:
        raise UserError(f"{options.log}: {words(problem.why)}") from None
    except FileError as problem:
        raise UserError(str(problem)) from None
    if options.json:
        put(to_json(report), sys.stdout)
    else:
        put(fitted(text_of(explain_lines(report)), sys.stdout), sys.stdout)
    return 0


class _Read:
    """A text that is read: it goes out as it comes."""

    def __init__(self, options: Namespace) -> None:
        self.programs = Programs(options.elf, options.symbols, say)
        self.file = open_log(options.log)
        self.decoder = Decoder(self.programs.of)
        self.listings, self.free = Listings(), FreeMemory()
        self.size = 0
        self._end = b""
        self._output = None if options.json or options.summary else Output(sys.stdout)

    def crashes(self) -> Iterator[Crash]:
        """Yields each crash as soon as it has ended."""
        for data in arriving(self.file):
            self.size += len(data or b"")
            self.listings.add(data or b"")
            self.free.add(data or b"")
            yield from self._passed(self.decoder.idle() if data is None else self.decoder.add(data))
        yield from self._passed(self.decoder.finish())
        if self._output is not None:
            if self._end not in (b"", b"\n"):
                self._output.add(b"\n")
            self._output.finish()

    def _passed(self, pieces: Iterable[Union[bytes, Crash]]) -> Iterator[Crash]:
        for piece in pieces:
            if isinstance(piece, Crash):
                yield piece
            elif self._output is not None:
                self._output.add(piece)
                self._end = piece[-1:] or self._end


def _report(options: Namespace) -> ExplainReport:
    began = time.monotonic()
    text = _Read(options)
    found = explained(text.crashes(), namer(text.programs.of))
    is_wanted = any(part.key.startswith("next-elf") for one in found for part in one.next)
    told = [one for one in text.decoder.remarks if not (is_wanted and one.key.startswith("decode-wants"))]
    skipped = [Skipped("log", remark) for remark in (*text.file.remarks, *told)]
    lookup = text.programs.of(*text.decoder.build).lookup
    leaks, losses = text.listings.groups(lookup or (lambda calls: {}))
    skipped += [Skipped("listing", loss) for loss in losses]
    falls = falling(tuple(text.free.readings))
    remarks = () if falls is None else (falls,)
    cost = Cost(text.size, 1, time.monotonic() - began)
    return ExplainReport(None, tuple(skipped), cost, None, found, leaks, text.decoder.lines, remarks)


def namer(choose: Callable[..., Chosen]) -> Callable[[Crash], Stack]:
    """Returns what gives the frames of a crash: by the program that it is of, else as a monitor named them. A monitor
    looks up a return address itself, which may be the next function: its names are taken where the PC is exact.
    """

    def frames(crash: Crash) -> Stack:
        pcs, calls = crash.backtrace, crash.calls
        if not pcs and crash.pc is not None:
            pcs = calls = (crash.pc,)
        lookup = choose(crash.elf_sha256, crash.build_id).lookup
        found = lookup(sorted(set(calls))) if lookup is not None and calls else {}
        named = {frame.pc: frame for frame in crash.told}
        told = {pc: named[pc] for pc, call in zip(pcs, calls) if pc == call and pc in named}
        stacks = ([replace(one, pc=pc) for one in found.get(call, ())] for pc, call in zip(pcs, calls))
        return tuple(frame for pc, stack in zip(pcs, stacks) for frame in stack or [told.get(pc, Frame(pc))])

    return frames


COMMAND = Tool(__name__, __doc__, _ARGUMENTS, start, _MORE, ExplainReport)
