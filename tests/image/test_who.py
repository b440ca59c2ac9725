# SPDX-License-Identifier: Apache-2.0
"""The first line of a damage report: who did it, or that it cannot be told."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest

from tests.image.ask import check
from tests.image.overrun import BASE, FREED, HIT, written_before_the_free
from tests.image.subjects import subjects
from tests.support import damages, fixtures
from tests.support.fixtures import Case

DAMAGED = [case for case in fixtures.load_cases() if case.truth.primary_status == "damaged"]
WITH_CULPRIT = [case for case in DAMAGED if case.truth.culprit is not None]
# Nobody is known to have done these: a bit, a word, control data that changed by themselves.
OF_NOBODY = ("size-word", "previous-link", "list-head", "bitmap-bit", "counters", "constants", "header-bit",
             "header-ones", "control-run")  # fmt: skip


def who(case: Case) -> tuple[str, int | None]:
    told = check([(image.base, image.data) for image in case.images], case.heap.option)["who"]
    return told["certainty"], told["payload"]


def test_who_is_right_where_the_truth_names_one() -> None:
    told = {case.id: who(case) for case in WITH_CULPRIT}
    wrong = [case.id for case in WITH_CULPRIT if case.truth.culprit and told[case.id][1] != case.truth.culprit.payload]
    assert len(wrong) <= len(WITH_CULPRIT) // 20, {name: told[name] for name in wrong}
    assert all(told[name][0] == "unknown" for name in wrong), "nobody is accused wrongly"


@pytest.mark.parametrize("case", [case for case in DAMAGED if case.truth.culprit is None], ids=lambda case: case.id)
def test_it_cannot_be_told_where_nobody_did_it(case: Case) -> None:
    assert who(case) == ("unknown", None)


@pytest.mark.parametrize("kind", OF_NOBODY)
def test_nobody_is_accused_of_what_nobody_did(kind: str) -> None:
    told = dict(accused(kind))
    assert len([name for name, one in told.items() if one != "unknown"]) <= len(told) // 20, told
    assert "shown" not in told.values()


def accused(kind: str) -> Iterator[tuple[str, str]]:
    for subject in subjects():
        damage = damages.make(kind, subject, Random(f"{subject.name}/{kind}/0"))
        told = check(damage.images(subject), subject.option)["who"] if damage is not None else None
        if told is not None:
            yield subject.name, told["certainty"]


@pytest.mark.parametrize("kind", ["overflow", "underflow", "long-overflow", "off-by-one", "write-after-free"])
def test_the_innocent_are_not_accused(kind: str) -> None:
    """Who is named is a party: the writer, or whose block was hit. In few cases chance speaks for another."""
    wrong, told = [], 0
    for subject in subjects():
        damage = damages.make(kind, subject, Random(f"{subject.name}/{kind}/0"))
        answer = check(damage.images(subject), subject.option)["who"] if damage is not None else None
        if answer is None or damage is None or answer["certainty"] == "unknown":
            continue
        told += 1
        parties = {place for block in damage.near for place in (block.payload, block.raw, block.raw + subject.shift)}
        if answer["payload"] not in parties:
            wrong.append((subject.name, answer))
    assert told and not wrong


@pytest.mark.parametrize(
    "run", [bytes([0xBB]) * 120, b"one text that is too long for its place " * 3, bytes(range(120))]
)
def test_a_run_is_seen_through_what_the_free_has_written(run: bytes) -> None:
    """The culprit was freed between the write and the look: its links and last word are the allocator's."""
    data, places = written_before_the_free(run, 80)
    report = check([(BASE, data)], f"multi_heap@{BASE:#x}")
    finding = next(one for one in report["heaps"][0]["findings"] if one["severity"] == "damage")
    assert finding["explanations"][0]["kind"] == "overflow", finding["explanations"]
    assert (finding["extent"]["start"], finding["extent"]["passed"]) == (places[FREED] + 20, 4)
    assert (report["who"]["kind"], report["who"]["payload"]) == ("overflow", places[FREED])


def test_a_text_does_not_begin_in_a_pointer() -> None:
    """The last byte of a pointer to this chip's RAM is 0x3f, a question mark."""
    data, places = written_before_the_free(b"?text all over the header of a block", 0)
    report = check([(BASE, data)], f"multi_heap@{BASE:#x}")
    finding = next(one for one in report["heaps"][0]["findings"] if one["severity"] == "damage")
    assert finding["extent"]["start"] == places[HIT] - 4


def test_a_list_head_that_leads_to_a_used_block_accuses_no_block() -> None:
    """Offsets are counted from where a block begins: what lies in front of it is not in it."""
    for subject in subjects():
        damage = damages.make("list-head", subject, Random(f"{subject.name}/list-head/1"))
        if damage is None:
            continue
        report = check(damage.images(subject), subject.option)
        texts = [one["text"] for found in report["heaps"][0]["findings"] for one in found["explanations"]]
        assert not any("offset -" in text for text in texts), texts
