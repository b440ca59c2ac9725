# SPDX-License-Identifier: Apache-2.0
"""Which part of a task's stack counts: with control blocks that tell the truth, and with others."""

from __future__ import annotations

from gdbext.analyse.reach import Root
from gdbext.analyse.stacks import TaskStack, task_stacks
from gdbext.model.said import Said, said
from gdbext.source.snapshot import Snapshot
from tests.unit.stack_world import BLOCK, HEAP, LOW, STATIC, reach, stacks_of, task

SPILLED = 16


def parts(found: tuple[list[TaskStack], list[Said]]) -> list[tuple[str, int, int, int]]:
    return [(stack.name.replace("stack of task ", ""), stack.low, stack.top, stack.end) for stack in found[0]]


def test_a_stack_on_the_heap_reaches_to_the_end_of_its_block() -> None:
    found = stacks_of(task("net", LOW, LOW + 0x800))
    assert (parts(found), found[1]) == ([("net", LOW, LOW + 0x800 - SPILLED, HEAP + BLOCK)], [])


def test_the_kernel_tells_its_end_where_it_keeps_it() -> None:
    found = stacks_of(task("net", LOW, LOW + 0x800, last=LOW + 0xBFC))
    assert parts(found) == [("net", LOW, LOW + 0x800 - SPILLED, LOW + 0xC00)]
    for last in (LOW - 4, HEAP + BLOCK, 0):
        lying = stacks_of(task("net", LOW, LOW + 0x800, last=last))
        assert (lying[0], len(lying[1])) == ([], 1)
        why = said("stack-end-wrong", last=last, start=LOW)
        assert lying[1] == [said("stack-doubtful", task="net", why=why)]


def test_a_stack_in_a_variable_ends_with_it_and_elsewhere_at_what_is_next() -> None:
    first = task("first", STATIC, STATIC + 0x100, variable_end=STATIC + 0x400)
    second = task("second", STATIC + 0x1000, STATIC + 0x1100)
    third = task("third", STATIC + 0x3000, STATIC + 0x3100)
    found = stacks_of(first, second, third)
    assert [(name, end) for name, _, _, end in parts(found)] == [
        ("first", STATIC + 0x400),
        ("second", STATIC + 0x3000),
        ("third", STATIC + 0x3000 + (64 << 10)),
    ]
    assert found[1] == [
        said("stack-of-task", task="second", what=said("stack-end-unknown", end=0x1000_3000)),
        said("stack-of-task", task="third", what=said("stack-end-unknown", end=0x1001_3000)),
    ]


def test_of_the_running_task_its_thread_tells_the_top() -> None:
    running = task("main", LOW, LOW + 0x800, running=True)
    assert parts(stacks_of(running, pointers=(LOW + 0x900, 0x55))) == [("main", LOW, LOW + 0x900, HEAP + BLOCK)]
    found = stacks_of(running)
    assert parts(found) == [("main", LOW, LOW, HEAP + BLOCK)]
    assert found[1] == [said("stack-of-task", task="main", what=said("stack-of-running"))]


def test_a_thread_that_a_debugger_shows_deeper_counts_too() -> None:
    waiting = task("net", LOW, LOW + 0x800)
    assert parts(stacks_of(waiting, pointers=(LOW + 0x700,)))[0][2] == LOW + 0x700
    assert parts(stacks_of(waiting, pointers=(LOW + 0x840,)))[0][2] == LOW + 0x800 - SPILLED


def test_a_deleted_tasks_stack_holds_nothing() -> None:
    found = stacks_of(task("gone", LOW, LOW + 0x800, deleted=True))
    assert parts(found) == [("gone", LOW, HEAP + BLOCK, HEAP + BLOCK)]
    assert found[1] == [said("stack-of-task", task="gone", what=said("stack-of-deleted"))]


def test_a_stack_that_cannot_be_one_stays_what_it_was() -> None:
    """A control block that was written over would hide what it names from the scan."""
    for doubtful in (
        task("a", LOW, LOW - 4),
        task("b", LOW, HEAP + BLOCK),
        task("c", 0, LOW),
        task("d", 0xFFFF_FFF0, 0xFFFF_FFF8),
        task("e", STATIC, STATIC + 0x100, last=STATIC + (2 << 20)),
        task("f", HEAP + 2, HEAP),
    ):
        found = stacks_of(doubtful)
        assert (found[0], len(found[1])) == ([], 1), doubtful
        assert found[1][0].key == "stack-doubtful"


def test_stacks_in_each_other_are_none() -> None:
    one, other = task("one", LOW, LOW + 0x800), task("other", LOW + 0x100, LOW + 0x900)
    third = task("third", LOW + BLOCK, LOW + BLOCK + 8)
    found = stacks_of(one, other, third)
    assert [name for name, *_ in parts(found)] == ["third"]
    assert len(found[1]) == 2


def test_what_lies_below_a_stacks_top_leads_nowhere() -> None:
    """And what lies beside the stack in its block still does."""
    held, low = Snapshot(), HEAP + BLOCK + 8
    words = {low + 8: HEAP + 2 * BLOCK + 8, low + 0x808: HEAP + 3 * BLOCK + 8, low + 0xE00: HEAP + 0x20}
    data = bytearray(4 * BLOCK)
    for address, value in words.items():
        data[address - HEAP : address - HEAP + 4] = value.to_bytes(4, "little")
    held.add(HEAP, bytes(data))
    held.add(STATIC, (low + 0x10).to_bytes(4, "little"))
    scanned, root = reach(held), Root("global", "the block", STATIC, STATIC + 4)
    assert scanned.unreachable([root], []) == []
    [stack], _ = task_stacks([task("net", low, low + 0x800, last=low + 0xBFC)], scanned, (), lambda _: 0)
    scanned.set_aside(stack.low, stack.end)
    roots = [root, Root("stack", stack.name, stack.top, stack.end)]
    assert scanned.unreachable(roots, []) == [2]
    pointers = scanned.pointers_to(HEAP + 3 * BLOCK, HEAP + 4 * BLOCK, roots, [])
    assert [(pointer.address, pointer.block) for pointer in pointers] == [(low + 0x808, None)]
    assert [pointer.block for pointer in scanned.pointers_to(HEAP, HEAP + BLOCK, roots, [])] == [HEAP + BLOCK + 8]
