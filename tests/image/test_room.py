# SPDX-License-Identifier: Apache-2.0
"""Why an allocation fails: on heaps whose gaps are known, on heaps of every family, and against all sets of blocks."""

from __future__ import annotations

from argparse import Namespace
from itertools import groupby, pairwise
from random import Random
from typing import Any

import pytest

from gdbext.analyse.room import granted, openings, size_needed
from gdbext.collect.collect import collect
from gdbext.heap.capabilities import capabilities_named, names_of, turn_of
from gdbext.heap.facts import HeapFacts
from gdbext.model.errors import UserError
from gdbext.report.text.free import free_lines
from gdbext.target.files import image_target
from tests.docs.sentences.world import ask
from tests.image import capable_world
from tests.image.capable_world import BITS_8, DEFAULT, DMA, EXEC, INTERNAL, OF_FIRST, SPIRAM, capable
from tests.image.comb_world import GAP, HEAP, TOOTH, comb, places
from tests.support.tlsf_image import Shape, shaped_image

BASE, FORM = 0x3000_0000, Shape(12, 4)


def lines(report: Any) -> list[str]:
    return list(free_lines(report))


def test_the_first_line_says_who_stands_in_the_way_and_the_last_what_shows_them() -> None:
    report = ask(comb(), "free", "--for", "1000", heap=HEAP)
    first, *_, last = lines(report)
    assert first == (
        "why: 1,000 bytes do not fit: of 3,628 bytes free in 1 heap no free block has the 1,024 bytes that it takes, "
        "the largest has 600 bytes; freeing 1 block, allocated by frame_create (load.c:56), would give 1,408 bytes"
    )
    opening = report.openings[0]
    assert last.endswith(f"next: memtrace blocks --state used --address {opening.start:#x}:{opening.end:#x}")
    shown = ask(comb(), "blocks", "--state", "used", "--address", f"{opening.start:#x}:{opening.end:#x}", heap=HEAP)
    assert [one.payload for one in opening.blocks] == [one.payload for one in shown.blocks]


def test_of_the_blocks_in_the_way_it_is_said_who_has_all_and_who_has_most() -> None:
    """One site is named, which may not be that of every block."""
    both = lines(ask(comb(), "free", "--for", "2000", heap=HEAP))[0]
    assert "freeing 2 blocks, the largest share of them allocated by frame_create (load.c:56), would give" in both
    alone = lines(ask(comb(traced=False), "free", "--for", "2000", heap=HEAP))[0]
    assert "freeing 2 blocks, all allocated by owners that are not recorded, would give" in alone


def test_what_malloc_is_said_to_get_it_gets() -> None:
    """A TLSF refuses a request that its largest free block would barely hold."""
    answer = dict(ask(capable(), "free").answer.values)
    fits = [
        any(one.fits for one in ask(capable(), "free", "--for", str(size)).candidates)
        for size in (answer["most"], answer["most"] + 1, answer["largest"])
    ]
    assert fits == [True, False, False]


def test_blocks_in_the_way_have_their_owners() -> None:
    report = ask(comb(), "free", "--for", "2000", heap=HEAP)
    sites = {(site.function, site.line): (site.blocks, site.bytes) for site in report.sites}
    assert sites == {("frame_create", 56): (5, 5 * TOOTH), ("log_write", 7): (1, TOOTH)}
    for opening in report.openings:
        assert opening.size == 3 * GAP + 2 * TOOTH + 4 * 4
        owners = [pin.owner.allocated[0].function for pin in opening.blocks if pin.owner is not None]
        wanted = ["log_write" if pin.payload == places()[2] else "frame_create" for pin in opening.blocks]
        assert owners == wanted


def test_the_last_request_that_failed_is_asked_about() -> None:
    report = ask(comb(failed=1000), "free", heap=HEAP)
    assert (report.request.origin, report.request.size) == ("failed", 1000)
    assert report.request.stack[0].function == "frame_create"
    assert lines(report)[0].startswith("why: 1,000 bytes do not fit")


def test_a_block_that_is_large_enough_may_not_be_found() -> None:
    """TLSF begins its search at the list behind: whoever looks at the largest free block alone wonders."""
    (candidate,) = ask(comb(), "free", "--for", str(GAP), heap=HEAP).candidates
    assert (candidate.largest_free, candidate.fits, candidate.needed) == (GAP, False, 608)
    assert candidate.why.key == "room-missed"


def test_malloc_cannot_have_what_other_capabilities_have() -> None:
    report = ask(capable(), "free")
    first, *_, last = lines(report)
    assert first == (
        "free: of 36,480 bytes free, malloc can have 22,300 bytes, at most 19,456 in one request "
        "(its largest free block has 20,452 bytes); the rest is for requests with other capabilities"
    )
    assert last.endswith(f"next: memtrace blocks --state used --address {capable_world.FIRST:#x}:0x3f816000")
    assert [(one.capability, one.free_bytes) for one in report.capabilities] == [
        ("default", 22300),
        ("internal", 22300),
        ("dma", 22300),
        ("spiram", 14180),
        ("32bit", 22300),
    ]


def test_heaps_are_asked_as_their_turns_come() -> None:
    assert turn_of(OF_FIRST, DEFAULT) == 0
    assert turn_of(OF_FIRST, INTERNAL) == 1
    assert turn_of(OF_FIRST, INTERNAL | DMA) == 0
    assert turn_of(OF_FIRST, SPIRAM | BITS_8) is None
    report = ask(capable(), "free", "--for", "500", "--caps", "8BIT")
    assert [(one.heap, one.eligible) for one in report.candidates] == [
        (capable_world.FIRST, True),
        (capable_world.SECOND, True),
    ]
    assert report.request.capabilities == ("8bit",)


def test_capabilities_are_named_as_in_programs() -> None:
    assert capabilities_named("MALLOC_CAP_EXEC|MALLOC_CAP_8BIT") == EXEC | BITS_8
    assert capabilities_named("0x1804") == DEFAULT | INTERNAL | BITS_8
    assert names_of(1 << 30 | DMA) == ("dma", "0x40000000")
    with pytest.raises(UserError, match="--caps fast"):
        ask(capable(), "free", "--for", "1", "--caps", "fast")


def facts_of(images: Any, option: str) -> HeapFacts:
    options = Namespace(heap=[option], pool=[], ring=None, search=None)
    (facts,) = collect(image_target(list(images)), options).heaps
    return facts


def fewest(facts: HeapFacts, needed: int) -> int | None:
    """The fewest blocks of one run of neighbours that would make room, by trying all."""
    payloads, found = facts.walk.payloads, []
    for first, start in enumerate(payloads):
        for last in range(first, len(payloads)):
            if facts.end_of(payloads[last]) - start >= needed:
                found.append(sum(not facts.is_free(one) for one in payloads[first : last + 1]))
                break
    return min((used for used in found if used), default=None)


@pytest.mark.parametrize("seed", range(20))
def test_no_other_set_of_neighbours_is_smaller(seed: int) -> None:
    rng = Random(seed)
    blocks = [(4 * rng.randrange(3, 200), used) for used, same in groupby(rng.choices((True, False), k=60))
              for _ in (same if used else range(1))]  # fmt: skip
    facts = facts_of([(BASE, shaped_image(BASE, blocks, FORM))], f"multi_heap@{BASE:#x}")
    largest = max(facts.free_sizes())
    for requested in (largest + 40, 2 * largest, 4 * largest):
        needed = size_needed(facts, requested)
        found = openings(facts, needed, frozenset())
        assert size_needed(facts, granted(facts)) <= largest < size_needed(facts, granted(facts) + 1)
        assert (found[0].used if found else None) == fewest(facts, needed)
        for run in found:
            inside = facts.walk.payloads[run.first : run.last + 1]
            assert run.size == facts.end_of(inside[-1]) - inside[0] >= needed
            assert run.used == sum(not facts.is_free(payload) for payload in inside)
        spans = sorted((run.first, run.last) for run in found)
        assert all(one[1] < other[0] for one, other in pairwise(spans))
