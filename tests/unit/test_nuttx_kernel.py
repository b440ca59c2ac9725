# SPDX-License-Identifier: Apache-2.0
"""NuttX's tasks by its table and its lists: of every width and byte order, and where they lie."""

from __future__ import annotations

import random

import pytest

from gdbext.kernel.kernels import read_tasks as read_any
from gdbext.kernel.nuttx import read_tasks
from gdbext.kernel.tasks import NO_TASKS, Tasks
from gdbext.model.said import Said, said
from gdbext.source.memory import Memory
from gdbext.source.snapshot import ByteOrder, snapshot_of
from tests.support.nuttx_kernel_image import SLOTS, STACK_BYTES, TABLE, TASKS, VARIABLES, NuttXImage
from tests.unit import kernel_world
from tests.unit.nuttx_world import RUNNING, STATES, NoTypes, Symbols, kernel, memory_of

FORMATS: tuple[tuple[int, ByteOrder], ...] = ((4, "little"), (8, "little"), (4, "big"), (8, "big"))


def read(image: NuttXImage, program: Symbols | None = None) -> Tasks:
    return read_tasks(memory_of(image), program or Symbols(image))


def names(found: Tasks) -> set[str]:
    return {task.name for task in found.tasks}


def truth(image: NuttXImage) -> list[tuple[str, int, int, int, int, bool]]:
    return [
        (name, image.control(name), image.low(name), image.top(name), image.stack(name) + STACK_BYTES, name == RUNNING)
        for name in image.tasks
    ]


def told(found: Tasks, word: int) -> list[tuple[str, int, int, int, int, bool]]:
    return [
        (task.name, task.address, task.low, task.top, (task.last or 0) + word, task.running) for task in found.tasks
    ]


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize(("word", "order"), FORMATS)
def test_every_task_is_found_with_its_stack(word: int, order: ByteOrder, inside: bool) -> None:
    image = kernel(word, order, inside=inside)
    found = read(image)
    assert (told(found, word), found.problems, found.complete) == (truth(image), (), True)
    assert (found.kernel, found.fill * 2) == ("NuttX", image.memory[image.stack("net") & ~0xFFFF][32:40])


@pytest.mark.parametrize(("word", "order"), FORMATS)
def test_without_types_the_kernel_tells_its_form(word: int, order: ByteOrder) -> None:
    image = kernel(word, order)
    assert read(image, NoTypes(image)) == read(image)


def test_without_types_and_without_the_kernels_word_nothing_is_told() -> None:
    image = kernel()
    found = read(image, NoTypes(image, without=("g_tcbinfo",)))
    assert (found.tasks, found.problems) == ((), (said("lists-unknown", kernel="NuttX"),))
    for at in image.offsets(told=False):
        image.put(image.variable("g_tcbinfo"), at, 16)
    assert read(image, NoTypes(image)) == found


def test_a_task_runs_on_each_core() -> None:
    image = kernel(running=(RUNNING, "net"))
    assert {task.name for task in read(image, Symbols(image, 2)).tasks if task.running} == {RUNNING, "net"}


def test_a_kernel_that_keeps_no_running_task_has_it_first_among_the_ready() -> None:
    image = kernel()
    order = [image.control("Idle_Task"), image.control(RUNNING)]
    assert [
        task.address for task in read(image, Symbols(image, without=("g_running_tasks",))).tasks if task.running
    ] == [order[0]]


def test_before_it_has_started_and_without_it_there_is_nothing_to_say() -> None:
    image = kernel()
    image.put(image.variable("g_pidhash"), 0)
    assert read(image) == NO_TASKS
    assert read(image, Symbols(image, without=("g_pidhash",))) == NO_TASKS


def test_whoever_asks_need_not_know_which_kernel_it_is() -> None:
    image, other = kernel(), kernel_world.kernel()
    assert read_any(memory_of(image), Symbols(image)) == read(image)
    found = read_any(Memory(snapshot_of(other.images())), kernel_world.Symbols(other))
    assert (found.kernel, names(found)) == ("FreeRTOS", set(kernel_world.STATES))
    assert read_any(memory_of(image), Symbols(image, without=("g_pidhash",))) == NO_TASKS


def test_a_file_without_the_kernel_says_so() -> None:
    image = kernel()
    found = read_tasks(Memory(snapshot_of([(0, bytes(16))])), Symbols(image))
    assert (found.tasks, found.problems) == ((), (said("kernel-unknown", kernel="NuttX", variable="g_pidhash"),))


def nowhere(list_: str, before: int, item: int) -> Said:
    return said("list-damaged", kernel="NuttX", list=list_, why=said("item-nowhere", before=before, item=item))


def test_a_link_that_leads_nowhere_costs_no_task() -> None:
    image = kernel()
    for wild in (0xDEAD_BEEC, TASKS + 1, 4):
        image.put(image.member("ui", "flink"), wild)
        found = read(image)
        assert (names(found), found.complete) == (set(STATES), False)
        assert found.problems == (nowhere("g_inactivetasks", image.control("ui"), wild),)


def test_a_list_that_runs_in_a_circle_ends() -> None:
    image = kernel()
    image.put(image.member("disk", "flink"), image.control("ui"))
    found = read(image)
    why = said("item-leads-elsewhere", item=image.control("ui"), before=image.control("disk"))
    assert found.problems == (said("list-damaged", kernel="NuttX", list="g_inactivetasks", why=why),)
    image.put(image.member("ui", "flink"), image.control("ui"))
    image.put(image.member("ui", "blink"), image.control("ui"))
    image.put(image.variable("g_inactivetasks"), image.control("ui"))
    assert names(read(image)) == set(STATES)


def test_a_control_block_that_was_hit_is_said_and_not_believed() -> None:
    image = kernel()
    image.put(image.member("net", "pid"), 0x4141_4141, 4)
    found = read(image)
    assert (names(found), found.complete) == (set(STATES) - {"net"}, False)
    slot = list(image.tasks).index("net")
    place = image.control("net")
    assert found.problems == (said("task-of-other-slot", kernel="NuttX", place=place, pid=0x4141_4141, slot=slot),)


@pytest.mark.parametrize("count", [0, 3, 1 << 13, 0xFFFF_FFFF])
def test_where_the_table_was_hit_the_lists_tell(count: int) -> None:
    image = kernel()
    image.put(image.variable("g_npidhash"), count, 4)
    found = read(image)
    assert names(found) == {name for name, where in STATES.items() if where}
    assert found.problems == (said("table-unknown", kernel="NuttX", place=TABLE, slots=count),)
    image = kernel()
    image.put(image.variable("g_pidhash"), 0x4141_4140)
    assert [problem.key for problem in read(image).problems] == ["table-unknown"]


def test_a_slot_that_leads_nowhere_is_said() -> None:
    image = kernel()
    image.put(image.slot("net"), 0x4141_4140)
    found = read(image)
    assert (names(found), found.problems) == (set(STATES) - {"net"}, (said("task-unknown", place=0x4141_4140),))


def test_a_name_is_text_or_the_pid() -> None:
    image = kernel()
    image.write(image.member("net", "name"), b"\x1b[2J\xff\0")
    image.write(image.member("ui", "name"), bytes(32))
    place = list(image.tasks).index("ui")
    assert {"\x1b[2J\ufffd", f"pid {place}"} <= names(read(image))


@pytest.mark.parametrize("seed", range(40))
def test_damaged_and_cut_memory_ends_and_is_said(seed: int) -> None:
    """No damage raises or loops; where a task is missing, something is said."""
    rng = random.Random(seed)
    image = kernel(*rng.choice(FORMATS))
    for _ in range(rng.randrange(1, 12)):
        base = rng.choice((VARIABLES, TABLE, TASKS))
        place = base + rng.randrange(0, len(image.memory[base]), image.word)
        image.put(place, rng.choice((0, 1, TASKS, TASKS + 0x100, TABLE, rng.getrandbits(8 * image.word))))
    images = image.images()
    if rng.random() < 0.5:
        cut = rng.randrange(len(images))
        base, data = images[cut]
        images[cut] = (base, data[: rng.randrange(len(data))])
    memory = Memory(snapshot_of(images, image.word, image.order))
    found = read_tasks(memory, rng.choice((Symbols, NoTypes))(image))
    assert len(found.tasks) <= SLOTS * 2 + 1 and len(found.problems) <= 7
    if not found.problems and found.tasks:
        assert found.complete
