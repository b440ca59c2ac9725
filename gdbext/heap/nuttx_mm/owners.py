# SPDX-License-Identifier: Apache-2.0
"""Reads who allocated a block from its own node: the pid and the backtrace that MM_BACKTRACE keeps there.

Approach: what a header has besides its sizes are a pid, a sequence number in some releases, and return addresses. Its
length and that of a free node's header tell which; where both fit, a sequence number is a word that no two used nodes
share and that is no address of code.
Limits: a pid is the number of a task, not its name.
"""

from __future__ import annotations

from typing import List, NamedTuple, Optional, Tuple

from gdbext.heap.guards import NO_GUARDS, Guards
from gdbext.heap.nuttx_mm.layout import MmLayout, NodeForm
from gdbext.heap.walk import Walk
from gdbext.source.snapshot import Snapshot, WordReader

_PID_BYTES = 4


class Kept(NamedTuple):
    """Where a node keeps its owner: offsets from its start in bytes, and the number of return addresses."""

    pid_at: int
    seqno_at: Optional[int]
    trace_at: int
    depth: int


def kept_in(form: NodeForm, width: int) -> Optional[Kept]:
    """Returns where nodes of this form keep their owners; None if they do not."""
    at = 2 * form.size_bytes if form.now else 0
    end = form.header if form.now else form.header - 2 * form.size_bytes
    if end - at < _PID_BYTES:
        return None
    at = -(-at // _PID_BYTES) * _PID_BYTES
    behind = -(-(at + _PID_BYTES) // width) * width
    # A free node of the newest generation always has room for a sequence number.
    has_seqno = form.now and form.link_at - form.header < width and end - behind >= width
    trace_at = behind + (width if has_seqno else 0)
    return Kept(at, behind if has_seqno else None, trace_at, max(0, (end - trace_at) // width))


class NodeOwners(Guards):
    """The owners in the nodes of one heap. There are no canaries."""

    header: int = 0  # bytes of a node in front of the user's
    width: int = 0  # bytes of a return address
    kept: Kept = Kept(0, None, 0, 0)

    def owner_name(self, snapshot: Snapshot, raw: int) -> Optional[str]:
        """Returns "pid 12"."""
        place = raw - self.header + self.kept.pid_at
        pid = snapshot.word32(place)
        return None if pid is None else f"pid {pid - (pid >> 31 << 32)}"

    def allocated(self, snapshot: Snapshot, raw: int) -> Tuple[int, ...]:
        """Returns the return addresses in a used node, innermost first, up to the first 0."""
        start, width = raw - self.header + self.kept.trace_at, self.width
        calls: List[int] = []
        for place in range(start, start + self.kept.depth * width, width):
            call = snapshot.word(place)
            if not call:
                break
            calls.append(call)
        return tuple(calls)

    def sequence(self, snapshot: Snapshot, raw: int) -> Optional[int]:
        """Returns the number of the allocation among all of them; None if nodes have none."""
        at = self.kept.seqno_at
        return None if at is None else snapshot.word(raw - self.header + at)


def owners_in(layout: MmLayout, walk: Walk, read: WordReader) -> Guards:
    """Returns the owners in a heap's nodes, or no guards if nodes have none."""
    kept = kept_in(layout.form, layout.word)
    if kept is None:
        return NO_GUARDS
    if kept.seqno_at is not None:
        numbers = [read(layout.node_of(payload) + kept.seqno_at) for payload, _ in walk.used()]
        if len(set(numbers)) < len(numbers):  # some releases had backtraces and no sequence numbers
            kept = kept._replace(seqno_at=None, trace_at=kept.seqno_at, depth=kept.depth + 1)
    return NodeOwners("none", layout.form.header, layout.word, kept)
