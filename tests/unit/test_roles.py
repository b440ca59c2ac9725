# SPDX-License-Identifier: Apache-2.0
"""What blocks are for: each object of FreeRTOS in every form, and nothing that is not proven."""

from __future__ import annotations

import itertools

import pytest

from gdbext.collect.roles import Roles
from gdbext.model.record import replace
from gdbext.model.said import Said
from gdbext.report.sentences import words
from tests.support.queue_image import Objects
from tests.unit.roles_world import TEXTS, WORDS, World, kernel_in_heap

FORMS = [
    Objects(word, order, check, whole, older)
    for word, order, check, whole, older in itertools.product(
        (4, 8), ("little", "big"), (False, True), (False, True), (False, True)
    )
]
SAID = {
    "queue": 'queue "rx" of 8 items of 12 bytes, 3 in it',
    "semaphore": "semaphore, 2 of 5 to be taken",
    "mutex": "mutex",
    "timer": 'timer "blink", which calls led_toggle',
    "event group": "event group",
    "other": None,
}


def roles_of(world: World) -> dict[str, Said | None]:
    (heap,) = world.found.heaps
    roles = Roles(world.found)
    return {name: roles.of(heap, heap.raw(place)) for name, place in world.where.items()}


def said(world: World) -> dict[str, str | None]:
    return {name: None if role is None else words(role) for name, role in roles_of(world).items()}


@pytest.mark.parametrize("objects", FORMS, ids=str)
def test_each_object_is_known_in_every_form(objects: Objects) -> None:
    assert said(World(objects)) == SAID


def test_a_task_that_waits_on_a_queue_hides_it_not() -> None:
    objects = Objects()
    world = World(objects)
    first, _ = objects.lists_of(world.where["queue"])
    objects.waiting[first] = 0x2000_2004
    assert said(World(objects))["queue"] == SAID["queue"]


@pytest.mark.parametrize("name", ["queue", "semaphore", "mutex", "timer", "event group"])
def test_no_word_of_what_proves_an_object_may_be_wrong(name: str) -> None:
    """Of a block in which one word was overwritten nothing else is ever said than of the block as it was."""
    objects = Objects()
    whole = World(objects)
    contents = whole.contents(objects)[name]
    doubted = 0
    for at in range(len(contents)):
        changed = [*contents[:at], 0x1234_5678, *contents[at + 1 :]]
        role = roles_of(World(objects, **{name: changed}))[name]
        doubted += role is None
        assert role is None or role.key == f"role-{name.replace(' ', '-')}"
    assert doubted >= 3


def test_numbers_that_cannot_be_are_no_queue() -> None:
    objects = Objects()
    at = World(objects).where["queue"]
    for length, item, waiting in ((0, 12, 0), (8, 12, 9), (1 << 25, 1, 0)):
        assert said(World(objects, queue=objects.queue(at, length, item, waiting)))["queue"] is None


def test_a_pointer_to_a_list_s_end_alone_is_no_object() -> None:
    """Own structures may have their own address in them, as a list that is empty has."""
    objects = Objects()
    at = World(objects).where["other"]
    for position in range(8):
        own = [7] * position + [at + 4 * (position + 1)] + [7] * 20
        assert said(World(objects, other=own))["other"] is None


def test_a_timer_is_one_by_name_and_code() -> None:
    objects = Objects()
    at = World(objects).where["timer"]
    assert said(World(objects, timer=objects.timer(at, TEXTS["blink"], 0x0900_0000)))["timer"] is None
    assert said(World(objects, timer=objects.timer(at, 0x0300_0000, 0x0800_0100)))["timer"] is None


def test_what_tasks_have_is_known_by_the_kernel_s_lists() -> None:
    found = kernel_in_heap()
    (heap,) = found.heaps
    said = [Roles(found).of(heap, raw) for raw, _ in heap.walk.used()]
    assert [role and words(role) for role in said] == ["control block of task idle", "stack of task worker"]


def test_a_heap_in_a_block_is_said_of_the_block_around_it() -> None:
    found = World(Objects(), inner=True).found
    outer, inner = found.heaps
    roles = Roles(found)
    [said] = [role for raw, _ in outer.walk.used() if (role := roles.of(outer, raw)) and role.key == "role-heap"]
    assert words(said) == f"the freertos_heap_4 heap at {inner.start:#x} lies in it"
    assert [roles.of(inner, raw) for raw, _ in inner.walk.used()] == [None]


def test_the_trace_s_own_block_is_known() -> None:
    world = World(Objects())
    at = world.where["other"]
    world.found.trace = replace(world.found.trace, own=((at + 8, at + 100),))
    assert said(world)["other"] == "the trace's own memory"


def test_a_free_block_has_no_role() -> None:
    """Whatever it was, it is that no more."""
    world = World(Objects())
    (heap,) = world.found.heaps
    free = [raw for raw in heap.walk.payloads if heap.is_free(raw)]
    assert free and [Roles(world.found).of(heap, raw) for raw in free] == [None]
    assert len(WORDS) == len(heap.walk.payloads) - 1
