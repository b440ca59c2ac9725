# SPDX-License-Identifier: Apache-2.0
"""Owners of damaged bytes: who may have written them, and what is not known of them."""

from __future__ import annotations

from argparse import Namespace

from gdbext.analyse.suspects import Witness, hit_bytes
from gdbext.collect.collect import collect
from gdbext.model.diagnosis import Extent, Operation
from gdbext.model.events import Event, Frame
from gdbext.report.sentences import words
from gdbext.report.text.words import caller_words, stack_words
from gdbext.target.files import image_target
from gdbext.trace.history import History
from tests.support.fixtures import select
from tests.unit.witness_world import CASE, WHOLE, witness

FACTS = witness(WHOLE).facts
USED = next(raw for raw, size in FACTS.walk.used() if size >= 64)
ASSERTED = Operation(True, "", True, None)


def events(*told: tuple[str, int, int]) -> list[Event]:
    return [
        Event(seq, kind, address, size, 0, 3, "main", 0, 0, None, (0x1000 + seq,))
        for seq, (kind, address, size) in enumerate(told, 1)
    ]


def seen(*told: tuple[str, int, int], operation: Operation | None = None) -> Witness:
    return Witness(FACTS, History(events(*told)), lambda _: (), WHOLE, operation=lambda: operation or Operation())


def test_a_former_owner_is_one_while_nobody_else_was() -> None:
    old = ("alloc", USED, 64), ("free", USED, 0)
    life = seen(*old).former_owner(USED + 40)
    assert life is not None and life.seq == 1
    for newer in (("alloc", USED, 48), ("alloc", USED + 16, 24), ("alloc", USED + 40, 8)):
        assert seen(*old, newer).former_owner(USED + 40) is None, newer
    behind = seen(*old, ("alloc", USED + 48, 8)).former_owner(USED + 40)
    assert behind is not None and behind.seq == 1


def test_a_block_is_being_freed_only_where_the_target_stopped_in_it() -> None:
    told = ("alloc", USED, 64), ("free", USED, 0)
    life = seen(*told).history.newest(USED)
    assert life is not None and life.in_flight
    assert seen(*told).state(USED, life) == "freed", "the last event of a target that stopped somewhere"
    assert seen(*told, operation=ASSERTED).state(USED, life) == "freeing"
    asserted = (*told, ("assert", USED, 0))
    refused = seen(*asserted).history.newest(USED)
    assert refused is not None and seen(*asserted).state(USED, refused) == "freeing"


def test_a_record_without_a_stack_is_one() -> None:
    assert stack_words((), 6) == "(recorded without a stack)"
    assert stack_words(()) == "(not in the trace)"


def test_the_two_innermost_calls_tell_who() -> None:
    stack = tuple(Frame(at, name, "app.c", 7, False) for at, name in enumerate(("make", "load", "main")))
    assert caller_words(stack) == "load > make app.c:7"


def test_offsets_count_from_the_users_pointer() -> None:
    """Comprehensive poison stands between the allocator's payload and the user's."""
    case = next(one for one in select(poisoning="comprehensive") if one.truth.status == "clean")
    images = [(image.base, image.data) for image in case.images]
    options = Namespace(heap=[case.heap.option], pool=[], ring=None, search=None)
    (facts,) = collect(image_target(images), options).heaps
    raw = next(payload for payload in facts.walk.payloads if facts.is_free(payload) and facts.size_of(payload) > 64)
    user, size = facts.user(raw), facts.size_of(raw)
    assert user == raw + 8
    inside, links = Extent(user + 32, user + 36, "text", ""), Extent(raw, user + 4, "text", "")
    assert words(hit_bytes(facts, raw, size, inside)) == "4 bytes from offset 32"
    assert words(hit_bytes(facts, raw, size, links)) == "its free-list links (8 bytes) and 4 bytes from offset 0"


def test_the_case_is_sound() -> None:
    assert CASE.truth.status == "clean" and FACTS.is_block(USED)
