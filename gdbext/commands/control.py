# SPDX-License-Identifier: Apache-2.0
"""`memtrace start`, `stop`, `frees-only` and `mark`: asks the recorder through the request word of its header.

The recorder obeys at its next event. Nothing but the request word and the name buffer is ever written.
"""

from __future__ import annotations

from argparse import Namespace
from typing import Optional

from gdbext.commands.collect import ring_address
from gdbext.commands.host import Host, UserError
from gdbext.model import ControlReport
from gdbext.trace.format import (
    HEADER_BYTES,
    NAME_BYTES,
    REQUEST_NAME_OFFSET,
    REQUEST_OFFSET,
    REQUESTS,
    STATES,
    FormatError,
    Header,
    parse_header,
)


def run_request(host: Host, options: Namespace) -> ControlReport:
    """Writes the request; the report says when it will be obeyed."""
    request, name = options.request, getattr(options, "name", None)
    host.memory().mark()
    header = _ring_header(host, options.ring)
    pending = pending_request(header)
    if pending is not None:
        raise UserError(f"the recorder has not yet obeyed `{pending}`: let the target run, then ask again")
    if name is not None:
        host.write(header.address + REQUEST_NAME_OFFSET, _name_bytes(name))
    word = REQUESTS[request].to_bytes(4, header.byte_order)
    host.write(header.address + REQUEST_OFFSET, word)
    state = STATES.get(header.control.state, str(header.control.state))
    text = f"asked: {request}{f' {name}' if name else ''}; the recorder ({state} now) obeys at its next event"
    return ControlReport(request, name, header.address, state, text)


def _name_bytes(name: str) -> bytes:
    data = name.encode()
    if not name or len(data) > NAME_BYTES:
        raise UserError(f"a mark's name has 1 to {NAME_BYTES} bytes: {name!r} has {len(data)}")
    return data.ljust(NAME_BYTES, b"\0")


def _ring_header(host: Host, ring: Optional[str]) -> Header:
    address = ring_address(host, ring)
    if address is None:
        raise UserError("no symbol memtrace_ring: link the recorder, or name the ring with --ring")
    if address == 0:
        raise UserError("the ring has not been started yet: let the target run to its memtrace_init")
    data = host.memory().get(address, HEADER_BYTES)
    if data is None:
        raise UserError(f"the ring at {address:#x} cannot be read")
    try:
        return parse_header(data)
    except FormatError as problem:
        raise UserError(f"no ring at {address:#x}: {problem}") from None


def pending_request(header: Header) -> Optional[str]:
    """What was asked and not yet obeyed."""
    names = {number: name for name, number in REQUESTS.items()}
    return names.get(header.control.request)
