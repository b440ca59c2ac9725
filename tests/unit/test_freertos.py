# SPDX-License-Identifier: Apache-2.0
"""Tasks by the kernel's lists: of every width and byte order, and with lists that lie."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import pytest

from gdbext.kernel.freertos import Tasks, read_tasks
from gdbext.source.images import ImageSource
from gdbext.source.memory import Memory
from gdbext.source.snapshot import ByteOrder
from gdbext.symbols.shapes import Member, Shape, Variable
from tests.support.kernel_image import (
    COUNT,
    LISTS,
    NAME_BYTES,
    RUNNING,
    STACK_BYTES,
    STACKS,
    TASKS,
    VARIABLES,
    KernelImage,
)

FORMATS: tuple[tuple[int, ByteOrder], ...] = ((4, "little"), (8, "little"), (4, "big"), (8, "big"))
STATES = {
    "worker": "ready1",
    "idle": "ready0",
    "net": "xDelayedTaskList1",
    "log": "xSuspendedTaskList",
    "ui": "xSuspendedTaskList",
    "disk": "xSuspendedTaskList",
    "gone": "xTasksWaitingTermination",
}


class Symbols:
    """A program with such a kernel, and with its types."""

    def __init__(self, image: KernelImage, cores: int = 1) -> None:
        self.image, self.cores = image, cores
        self.addresses = {name: image.head(name) for name in LISTS if name.startswith("x")}
        self.addresses |= {"pxReadyTasksLists": image.head("ready0"), "uxCurrentNumberOfTasks": COUNT}
        self.addresses["pxCurrentTCBs" if cores > 1 else "pxCurrentTCB"] = RUNNING

    def address_of(self, name: str) -> int | None:
        return self.addresses.get(name)

    def size_of(self, name: str) -> int | None:
        return None

    def objects(self) -> Iterator[tuple[str, int, int]]:
        yield "stacks", STACKS, STACK_BYTES
        for name, address in self.addresses.items():
            lists = 2 if name == "pxReadyTasksLists" else 1
            yield name, address, self.cores * self.image.word if address == RUNNING else lists * self.image.list_bytes

    def variable_of(self, function: str, name: str, follow: Sequence[str] = ()) -> Variable | None:
        assert function == "vTaskSwitchContext"
        if follow:
            return Variable(0, (Shape(self.image.word, {}, {}, self.cores), self.control()))
        elements = 2 if name == "pxReadyTasksLists" else 1
        return Variable(0, (Shape(self.image.list_bytes, self.list_members(), {}, elements),))

    def control(self) -> Shape:
        word, stack = self.image.word, self.image.stack_at
        own = {"pxTopOfStack": Member(0, word), "pxStack": Member(stack, word)}
        own |= {"xStateListItem": Member(word, self.image.item_bytes), **self.links("xStateListItem", word, 4)}
        return Shape(stack + word + NAME_BYTES, {**own, "pcTaskName": Member(stack + word, NAME_BYTES)}, {})

    def list_members(self) -> dict[str, Member]:
        end = self.image.end_of("ready0") - self.image.head("ready0")
        count = Member(self.image.check * self.image.word, self.image.word)
        return {"uxNumberOfItems": count, "xListEnd": Member(end, 1), **self.links("xListEnd", end, 2)}

    def links(self, outer: str, base: int, count: int) -> dict[str, Member]:
        names = ("pxNext", "pxPrevious", "pvOwner", "pxContainer")[:count]
        return {
            f"{outer}.{name}": Member(self.image.link(base, at), self.image.word) for at, name in enumerate(names, 1)
        }


def kernel(word: int = 4, order: ByteOrder = "little", running: tuple[str, ...] = ("worker",)) -> KernelImage:
    return KernelImage(STATES, running, word, order)


def read(image: KernelImage, cores: int = 1) -> Tasks:
    return read_tasks(Memory(ImageSource(image.images(), image.word, image.order)), Symbols(image, cores))


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
    assert read_tasks(Memory(ImageSource(image.images())), NoKernel(image)) == Tasks()


class NoKernel(Symbols):
    def address_of(self, name: str) -> int | None:
        return None


class NoTypes(Symbols):
    def variable_of(self, function: str, name: str, follow: Sequence[str] = ()) -> Variable | None:
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
    memory = Memory(ImageSource(image.images(), word, order))
    typed = read_tasks(memory, Symbols(image, 2))
    assert (names(typed), typed.complete) == (set(STATES), True)
    guessed = read_tasks(memory, program(image, 2))
    assert (set(guessed.tasks), guessed.problems, guessed.complete) == (set(typed.tasks), (), True)


def test_without_types_nothing_less_than_all_tasks_is_believed() -> None:
    image = kernel()
    image.put(COUNT, 8)
    found = read_tasks(Memory(ImageSource(image.images())), NoTypes(image))
    assert found.tasks == ()
    assert found.problems == (
        "neither debug information nor its bytes tell what FreeRTOS's lists look like: no task is told apart",
    )


def test_a_file_without_the_kernel_says_so() -> None:
    image = kernel()
    found = read_tasks(Memory(ImageSource([(0, bytes(16))])), Symbols(image))
    assert found.tasks == ()
    assert found.problems == ("pxCurrentTCB, which leads to FreeRTOS's tasks, is not in the memory that is known here",)


# What is written over the item of the task "ui", between "log" and "disk": where in it, and what.
DAMAGES = {
    "next": (1, 0xDEAD_BEEC, "would be at 0xdeadbeec"),
    "odd": (1, TASKS + 1, "would be at 0x20010001"),
    "previous": (2, 0, "does not lead back to"),
    "owner": (3, TASKS, "is not in the control block at 0x20010000 that it names"),
    "container": (4, VARIABLES, "says that it is in another list"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_around_a_damaged_item_the_others_are_found(damage: str) -> None:
    place, value, text = DAMAGES[damage]
    image = kernel()
    image.put(image.link(image.item("ui"), place), value)
    found = read(image)
    assert names(found) >= set(STATES) - {"ui"}
    [said] = found.problems
    assert said.startswith("FreeRTOS's xSuspendedTaskList is damaged: the item ")
    assert text in said
    assert not found.complete


def test_a_circle_ends() -> None:
    image = kernel()
    image.put(image.link(image.item("disk"), 1), image.item("log"))
    found = read(image)
    assert names(found) == set(STATES)
    assert "does not lead back" in found.problems[0]


def test_a_list_that_counts_wrong_is_said_and_believed() -> None:
    image = kernel()
    image.put(image.head("xSuspendedTaskList"), 9)
    found = read(image)
    assert names(found) == set(STATES)
    assert found.problems == (
        f"FreeRTOS's xSuspendedTaskList at {image.head('xSuspendedTaskList'):#x} says 9 tasks and links 3",
    )


def test_tasks_that_no_list_holds_are_missed() -> None:
    image = kernel()
    image.put(COUNT, 9)
    found = read(image)
    assert (found.problems, found.complete) == (("FreeRTOS counts 9 tasks, and its lists hold 7 of them",), False)


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
        found = read_tasks(Memory(ImageSource(image.images())), choose.choice((Symbols, NoTypes))(image))
        assert len(found.problems) <= 7
        assert len(found.tasks) <= 1024
