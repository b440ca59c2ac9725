# SPDX-License-Identifier: Apache-2.0
"""A trace that has a block as live, beside a heap that has it as free."""

from __future__ import annotations

from argparse import Namespace

from gdbext.analyse.suspects import Witness
from gdbext.collect.collect import collect
from gdbext.model.events import Event, Imported, TraceInfo
from gdbext.target.files import image_target
from gdbext.trace.history import History
from tests.support import fixtures

CASE = fixtures.case("a005")
WHOLE = TraceInfo(kept=1, lost=0, first=1, last=1, running=True)
FROM_IDF = Imported("ESP-IDF's heap_trace", 0, "all", 10, 4, False, True)


def witness(trace: TraceInfo | None) -> Witness:
    """The trace has a block as live that the heap has as free."""
    images = [(image.base, image.data) for image in CASE.images]
    (facts,) = collect(image_target(images), Namespace(heap=[CASE.heap.option], pool=[], ring=None, search=None)).heaps
    free = next(payload for payload in facts.walk.payloads if facts.is_free(payload))
    event = Event(1, "alloc", free, 8, 0, 0, None, 0, 0, None, (0x1000,))
    return Witness(facts, History([event]), lambda _: (), trace)
