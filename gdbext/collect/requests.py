# SPDX-License-Identifier: Apache-2.0
"""Asks the recorder through the request word of its ring's header: `memtrace start`, `stop`, `frees-only` and `mark`.

The recorder obeys at its next event. Only the request word and the name buffer are ever written. A process of Linux is
asked through the header of its log, and the answer is waited for.
"""

from __future__ import annotations

from argparse import Namespace
from functools import lru_cache
from typing import Optional, Tuple, Union

from gdbext.collect.collect import find_heaps, span_of
from gdbext.collect.collected import Collected
from gdbext.collect.traces import ring_address
from gdbext.model.errors import UserError
from gdbext.model.reports.control import ControlReport
from gdbext.model.said import Trouble, said
from gdbext.report.sentences import words
from gdbext.target.recorded_process import WAIT_SECONDS, Answer, RecordedProcess
from gdbext.target.target import Target
from gdbext.trace.format import (
    HEADER_BYTES,
    NAME_BYTES,
    REQUEST_NAME_OFFSET,
    REQUEST_OFFSET,
    REQUESTS,
    STATES,
    Header,
    parse_header,
)

REQUESTED = {number: name for name, number in REQUESTS.items()}  # by the value of the request word
Asked = Tuple[Collected, str, Optional[str], Header]  # what was read, the request, a mark's name, the ring's header


def ask(request: str, target: Target, options: Namespace) -> Union[Asked, ControlReport]:
    """Asks the ring of the target, or the process that --pid names."""
    if options.pid is None:
        return ask_recorder(request, target, options)
    name = getattr(options, "name", None)
    process = RecordedProcess(options.pid)
    done = process.ask(REQUESTS[request], None if name is None else name_bytes(name), WAIT_SECONDS)
    return told_of(process, request, name, done, Collected(target))


def told_of(
    process: RecordedProcess, request: str, name: Optional[str], done: Answer, found: Collected
) -> ControlReport:
    """Returns what a process was asked, and whether it has obeyed."""
    what = request if name is None else f"{request} {name}"
    text = said("process-obeyed", what=what, process=process.name, log=process.log)
    if not done.obeyed:
        text = said("process-asked", what=what, process=process.name, log=process.log, seconds=int(WAIT_SECONDS))
    state = STATES.get(done.header.state, str(done.header.state))
    return ControlReport(*found.closing(), request, name, 0, state, text, process.number, process.log, done.obeyed)


def ask_recorder(request: str, target: Target, options: Namespace) -> Asked:
    """Writes a request to the ring, and the name if it is a mark."""
    found, name = Collected(target), getattr(options, "name", None)
    address = ring_address(target, options, span_of(target, options), lru_cache(lambda: find_heaps(target)))
    if address is None:
        raise UserError("no symbol memtrace_ring: link the recorder, or name the ring with --ring")
    if address == 0:
        raise UserError("the ring has not been started yet: let the target run to its memtrace_init")
    data = target.bytes.memory().get(address, HEADER_BYTES)
    target.bytes.memory().require_whole()
    if data is None:
        raise UserError(f"the ring at {address:#x} cannot be read")
    try:
        header = parse_header(data)
    except Trouble as problem:
        raise UserError(words(said("no-ring", place=address, why=problem.why))) from None
    pending = REQUESTED.get(header.request)
    if pending is not None:
        raise UserError(f"the recorder has not yet obeyed `{pending}`: let the target run, then ask again")
    if name is not None:
        target.bytes.write(header.address + REQUEST_NAME_OFFSET, name_bytes(name).ljust(NAME_BYTES, b"\0"))
    word = REQUESTS[request].to_bytes(4, header.byte_order)
    target.bytes.write(header.address + REQUEST_OFFSET, word)
    return found, request, name, header


def name_bytes(name: str) -> bytes:
    """Returns a mark's name as the header takes it. UserError if it does not fit."""
    data = name.encode(errors="surrogateescape")
    if not 0 < len(data) <= NAME_BYTES:
        raise UserError(f"a mark's name has 1 to {NAME_BYTES} bytes: {name!r} has {len(data)}")
    return data


def status_of(report: ControlReport) -> int:
    """Returns the shell's exit status: 2 if a process was asked and has not obeyed."""
    return 2 if report.cost.interrupted or report.obeyed is False else 0


def answer(asked: Union[Asked, ControlReport], _: object) -> ControlReport:
    """Returns the report: what was asked, and when the recorder will obey."""
    if isinstance(asked, ControlReport):
        return asked
    found, request, name, header = asked
    state = STATES.get(header.state, str(header.state))
    what = request if name is None else f"{request} {name}"
    text = said("asked-recorder", what=what, state=state)
    return ControlReport(*found.closing(), request, name, header.address, state, text)
