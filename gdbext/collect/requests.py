# SPDX-License-Identifier: Apache-2.0
"""Asks the recorder through the request word of its ring's header: `memtrace start`, `stop`, `frees-only` and `mark`.

The recorder obeys at its next event. Only the request word and the name buffer are ever written.
"""

from __future__ import annotations

from argparse import Namespace
from functools import lru_cache
from typing import Optional, Tuple

from gdbext.collect.collect import find_heaps, span_of
from gdbext.collect.collected import Collected
from gdbext.collect.traces import ring_address
from gdbext.model.errors import UserError
from gdbext.model.reports.control import ControlReport
from gdbext.model.said import Trouble, said
from gdbext.report.sentences import words
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
        data = name.encode()
        if not 0 < len(data) <= NAME_BYTES:
            raise UserError(f"a mark's name has 1 to {NAME_BYTES} bytes: {name!r} has {len(data)}")
        target.bytes.write(header.address + REQUEST_NAME_OFFSET, data.ljust(NAME_BYTES, b"\0"))
    word = REQUESTS[request].to_bytes(4, header.byte_order)
    target.bytes.write(header.address + REQUEST_OFFSET, word)
    return found, request, name, header


def answer(asked: Asked, _: object) -> ControlReport:
    """Returns the report: what was asked, and when the recorder will obey."""
    found, request, name, header = asked
    state = STATES.get(header.state, str(header.state))
    what = request if name is None else f"{request} {name}"
    text = said("asked-recorder", what=what, state=state)
    return ControlReport(*found.closing(), request, name, header.address, state, text)
