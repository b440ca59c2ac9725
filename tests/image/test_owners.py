# SPDX-License-Identifier: Apache-2.0
"""The tasks that blocks name themselves, in images of heaps with ESP-IDF's task tracking."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from unittest import mock

import pytest

from gdbext.commands import command_named
from gdbext.commands.parsing import parsed_in_shell
from gdbext.kernel.freertos import Task, Tasks
from gdbext.target.files import image_target
from tests.support import fixtures
from tests.support.fixtures import Case

TRACKED = ["a006", "a007", "a008"]  # the owner in the poison's head, behind it, and without poison
HANDLES = range(0x3FCB_0000, 0x3FCB_1000, 0x180)  # the fixtures' stand-ins for control blocks
NAMES = {0x3FCB_0180: "net", 0x3FCB_0300: "ui"}


def before_the_scheduler(case: Case, share: int) -> Case:
    """The image where one block in `share` has no owner, as those that were allocated before the scheduler ran."""
    (image,) = case.images
    data = bytearray(image.data)
    for block in case.truth.blocks[::share]:
        place = next(at for at in range(block.raw, block.payload, 4) if word_at(data, at - image.base) in HANDLES)
        data[place - image.base : place - image.base + 4] = bytes(4)
    held = SimpleNamespace(base=image.base, data=bytes(data))
    return replace(case, images=(held,))  # type: ignore[arg-type]


def word_at(data: bytearray, place: int) -> int:
    return int.from_bytes(data[place : place + 4], "little")


def report(name: str, case: Case, known: Tasks) -> object:
    command = command_named(name)
    words = ["--heap", f"{case.heap.kind}@{case.heap.address:#x}", *(["--all"] if name == "blocks" else [])]
    target = image_target([(image.base, image.data) for image in case.images])
    with mock.patch("gdbext.collect.owners.read_tasks", lambda memory, program: known):
        return command.run(target, parsed_in_shell(command, words))


def kernel(complete: bool) -> Tasks:
    tasks = [Task(handle, name, 0, 0, None, None, False, False) for handle, name in NAMES.items()]
    return Tasks(tuple(tasks), (), complete)


def owners(case: Case, known: Tasks) -> dict[int, str | None]:
    listed = report("blocks", case, known).blocks  # type: ignore[attr-defined]
    return {one.payload: None if one.owner is None else one.owner.task for one in listed if one.state == "used"}


@pytest.mark.parametrize("name", TRACKED)
def test_without_a_kernel_a_block_names_its_owners_handle(name: str) -> None:
    case = fixtures.case(name)
    told = owners(case, Tasks())
    assert told.keys() == {block.payload for block in case.truth.blocks}
    assert set(told.values()) <= {hex(handle) for handle in HANDLES}


@pytest.mark.parametrize("share", [2, 3])
@pytest.mark.parametrize("name", TRACKED)
def test_a_block_without_an_owner_is_where_the_others_are(name: str, share: int) -> None:
    case = before_the_scheduler(fixtures.case(name), share)
    told = owners(case, Tasks())
    assert told.keys() == {block.payload for block in case.truth.blocks}
    named = {payload for payload, task in told.items() if task is not None}
    assert named == {block.payload for at, block in enumerate(case.truth.blocks) if at % share}


@pytest.mark.parametrize("complete", [False, True])
@pytest.mark.parametrize("name", TRACKED)
def test_the_kernel_names_them_and_says_who_has_ended(name: str, complete: bool) -> None:
    case = fixtures.case(name)
    handles = owners(case, Tasks())
    ended = " (ended)" if complete else ""
    expected = {payload: NAMES.get(int(text or "", 16), f"{text}{ended}") for payload, text in handles.items()}
    assert owners(case, kernel(complete)) == expected
    assert set(NAMES.values()) <= set(expected.values())


def test_blocks_without_owners_have_none() -> None:
    case = fixtures.case("a005")
    assert set(owners(case, kernel(True)).values()) == {None}


def test_the_owner_of_a_damaged_block_is_named_in_the_report() -> None:
    """Its size word is gone, and its canary says that somebody uses it."""
    heaps = report("check", fixtures.case("a089"), kernel(True)).heaps  # type: ignore[attr-defined]
    suspects = {one.payload: one.task for heap in heaps for finding in heap.findings for one in finding.suspects}
    assert suspects[0x3C0A_1DF4] is None, "it is freed, and what stands there is of nobody now"
    assert suspects[0x3C0A_2208] is not None
