# SPDX-License-Identifier: Apache-2.0
"""Tasks by the kernel's lists: of every width and byte order, and with lists that lie."""

from __future__ import annotations

import random

import pytest

from gdbext.kernel.freertos import read_tasks
from gdbext.kernel.tasks import Tasks
from gdbext.model.said import Said, said
from gdbext.source.memory import Memory
from gdbext.source.snapshot import ByteOrder, snapshot_of
from gdbext.symbols.shapes import Member
from tests.support.kernel_image import (
    COUNT,
    STACK_BYTES,
    STACKS,
    TASKS,
    VARIABLES,
    KernelImage,
)
from tests.unit.kernel_world import STATES, NoTypes, Symbols, kernel

FORMATS: tuple[tuple[int, ByteOrder], ...] = ((4, "little"), (8, "little"), (4, "big"), (8, "big"))


def read(image: KernelImage, cores: int = 1) -> Tasks:
    return read_tasks(Memory(snapshot_of(image.images(), image.word, image.order)), Symbols(image, cores))


def names(found: Tasks) -> set[str]:
    return {task.name for task in found.tasks}


@pytest.mark.parametrize(("word", "order"), FORMATS)
def test_every_task_is_found_with_its_stack(word: int, order: ByteOrder) -> None:
    image = kernel(word, order)
    found = read(image)
    assert (names(found), found.problems, found.complete) == (set(STATES), (), True)
    for task in found.tasks:
        assert (task.address, task.low, task.top) == (
            image.control(task.name),
            image.stack(task.name),
            image.top(task.name),
        )
        assert (task.running, task.deleted) == (task.name == "worker", task.name == "gone")
    assert {task.name: task.variable_end for task in found.tasks if task.variable_end} == {
        "worker": STACKS + STACK_BYTES
    }


def test_a_task_runs_on_each_core_and_one_may_be_deleted_that_still_runs() -> None:
    found = read(kernel(running=("worker", "gone")), 2)
    assert {task.name for task in found.tasks if task.running} == {"worker", "gone"}
    assert not any(task.deleted for task in found.tasks)


def test_a_running_task_that_is_in_no_list_is_found() -> None:
    """As when the target stops while the kernel moves it."""
    image = kernel()
    end = image.end_of("ready1")
    for number in (1, 2):
        image.put(image.link(end, number), end)
    image.put(image.head("ready1"), 0)
    assert (names(read(image)), read(image).complete) == (set(STATES), True)


def test_before_there_is_a_task_and_without_a_kernel_there_is_nothing_to_say() -> None:
    assert read(kernel(running=())) == Tasks()
    image = kernel()
    assert read_tasks(Memory(snapshot_of(image.images())), NoKernel(image)) == Tasks()


class NoKernel(Symbols):
    def address_of(self, name: str) -> int | None:
        return None


class OtherEnd(Symbols):
    """An end that does not begin as an item does cannot be walked through."""

    def list_members(self) -> dict[str, Member]:
        return {**super().list_members(), "xListEnd.pxNext": Member(2, 4)}


@pytest.mark.parametrize("program", [NoTypes, OtherEnd])
@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("check", [0, 1])
@pytest.mark.parametrize(("word", "order"), FORMATS)
def test_without_types_the_usual_forms_are_known(
    word: int, order: ByteOrder, check: int, whole: bool, program: type[Symbols]
) -> None:
    image = KernelImage(STATES, ("worker", "net"), word, order, check, whole)
    memory = Memory(snapshot_of(image.images(), word, order))
    typed = read_tasks(memory, Symbols(image, 2))
    assert (names(typed), typed.complete) == (set(STATES), True)
    guessed = read_tasks(memory, program(image, 2))
    assert (set(guessed.tasks), guessed.problems, guessed.complete) == (set(typed.tasks), (), True)


def test_without_types_nothing_less_than_all_tasks_is_believed() -> None:
    image = kernel()
    image.put(COUNT, 8)
    found = read_tasks(Memory(snapshot_of(image.images())), NoTypes(image))
    assert found.tasks == ()
    assert found.problems == (said("lists-unknown", kernel="FreeRTOS"),)


def test_a_file_without_the_kernel_says_so() -> None:
    image = kernel()
    found = read_tasks(Memory(snapshot_of([(0, bytes(16))])), Symbols(image))
    assert found.tasks == ()
    assert found.problems == (said("kernel-unknown", kernel="FreeRTOS", variable="pxCurrentTCB"),)


# What is written over the item of the task "ui", between "log" and "disk": where in it, and what.
DAMAGES = {
    "next": (1, 0xDEAD_BEEC, "item-nowhere", {"item": 0xDEAD_BEEC}),
    "odd": (1, TASKS + 1, "item-nowhere", {"item": TASKS + 1}),
    "previous": (2, 0, "item-leads-elsewhere", {}),
    "owner": (3, TASKS, "item-outside-owner", {"owner": TASKS}),
    "container": (4, VARIABLES, "item-of-other-list", {}),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_around_a_damaged_item_the_others_are_found(damage: str) -> None:
    place, value, key, facts = DAMAGES[damage]
    image = kernel()
    image.put(image.link(image.item("ui"), place), value)
    found = read(image)
    assert names(found) >= set(STATES) - {"ui"}
    [problem] = found.problems
    told = dict(problem.values)
    assert (problem.key, told["list"]) == ("list-damaged", "xSuspendedTaskList")
    assert isinstance(told["why"], Said) and told["why"].key == key
    assert facts.items() <= dict(told["why"].values).items()
    assert not found.complete


def test_a_circle_ends() -> None:
    image = kernel()
    image.put(image.link(image.item("disk"), 1), image.item("log"))
    found = read(image)
    assert names(found) == set(STATES)
    assert isinstance(why := dict(found.problems[0].values)["why"], Said) and why.key == "item-leads-elsewhere"


def test_a_list_that_counts_wrong_is_said_and_believed() -> None:
    image = kernel()
    image.put(image.head("xSuspendedTaskList"), 9)
    found = read(image)
    assert names(found) == set(STATES)
    place = image.head("xSuspendedTaskList")
    assert found.problems == (said("list-miscounts", list="xSuspendedTaskList", place=place, counted=9, linked=3),)


def test_tasks_that_no_list_holds_are_missed() -> None:
    image = kernel()
    image.put(COUNT, 9)
    found = read(image)
    assert (found.problems, found.complete) == ((said("tasks-missing", counted=9, found=7),), False)


def test_a_name_is_kept_as_it_is() -> None:
    """What a terminal makes of it is the reports' business."""
    image = kernel()
    image.write(image.control("ui") + image.stack_at + 4, b"\x1b[2J\xff\n" + b"x" * 10)
    image.write(image.control("log") + image.stack_at + 4, bytes(16))
    assert names(read(image)) >= {"\x1b[2J\ufffd\nxxxxxxxxxx", hex(image.control("log"))}


def test_no_bytes_make_it_fail() -> None:
    """Random words over random places of the kernel's memory, many at once."""
    choose = random.Random(1)
    for _ in range(300):
        image = kernel()
        known = [image.item(name) for name in STATES] + [image.end_of("ready0"), VARIABLES, TASKS, STACKS]
        for _ in range(choose.choice((1, 4, 60))):
            base = choose.choice((VARIABLES, TASKS))
            value = choose.choice((choose.getrandbits(32), choose.choice(known), 0, 0xFFFF_FFFF))
            image.put(base + choose.randrange(0, len(image.memory[base]), 4), value)
        found = read_tasks(Memory(snapshot_of(image.images())), choose.choice((Symbols, NoTypes))(image))
        assert len(found.problems) <= 7
        assert len(found.tasks) <= 1024
