# SPDX-License-Identifier: Apache-2.0
"""Which part of a task's stack counts: with control blocks that tell the truth, and with others."""

from __future__ import annotations

from gdbext.analyse.reach import Held, Reach, Root
from gdbext.analyse.stacks import Stacks, task_stacks
from gdbext.kernel.freertos import Task
from gdbext.source.snapshot import Snapshot

HEAP, BLOCK = 0x2000_0000, 0x1000
STATIC, KNOWN_END = 0x1000_0000, 0x1010_0000
SPILLED = 16


def task(name: str, low: int, top: int, **other: object) -> Task:
    told = {"last": None, "variable_end": None, "running": False, "deleted": False, "address": 0x1800_0000, **other}
    return Task(name=name, low=low, top=top, **told)  # type: ignore[arg-type]


def reach(held: Snapshot | None = None) -> Reach:
    """Four blocks, each with a word of header before it."""
    starts = [HEAP + number * BLOCK + 8 for number in range(4)]
    return Reach(held or Snapshot(), [Held(start, start + BLOCK - 8, start, HEAP) for start in starts])


def stacks_of(*tasks: Task, pointers: tuple[int, ...] = ()) -> Stacks:
    return task_stacks(
        tasks, reach(), pointers, lambda address: KNOWN_END if STATIC <= address < KNOWN_END else address
    )


def parts(found: Stacks) -> list[tuple[str, int, int, int]]:
    return [(stack.name.replace("stack of task ", ""), stack.low, stack.top, stack.end) for stack in found.known]


LOW = HEAP + 8


def test_a_stack_on_the_heap_reaches_to_the_end_of_its_block() -> None:
    found = stacks_of(task("net", LOW, LOW + 0x800))
    assert (parts(found), found.problems) == ([("net", LOW, LOW + 0x800 - SPILLED, HEAP + BLOCK)], [])


def test_the_kernel_tells_its_end_where_it_keeps_it() -> None:
    found = stacks_of(task("net", LOW, LOW + 0x800, last=LOW + 0xBFC))
    assert parts(found) == [("net", LOW, LOW + 0x800 - SPILLED, LOW + 0xC00)]
    for last in (LOW - 4, HEAP + BLOCK, 0):
        lying = stacks_of(task("net", LOW, LOW + 0x800, last=last))
        assert (lying.known, len(lying.problems)) == ([], 1)
        assert f"pxEndOfStack {last:#x} cannot end what begins at" in lying.problems[0]


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
    assert found.problems == [
        "stack of task second: where it ends is not known; it is scanned up to 0x10003000",
        "stack of task third: where it ends is not known; it is scanned up to 0x10013000",
    ]


def test_of_the_running_task_its_thread_tells_the_top() -> None:
    running = task("main", LOW, LOW + 0x800, running=True)
    assert parts(stacks_of(running, pointers=(LOW + 0x900, 0x55))) == [("main", LOW, LOW + 0x900, HEAP + BLOCK)]
    found = stacks_of(running)
    assert parts(found) == [("main", LOW, LOW, HEAP + BLOCK)]
    assert found.problems == [
        "stack of task main: all of it is scanned: the task runs, and no register here tells how far down"
    ]


def test_a_thread_that_a_debugger_shows_deeper_counts_too() -> None:
    waiting = task("net", LOW, LOW + 0x800)
    assert parts(stacks_of(waiting, pointers=(LOW + 0x700,)))[0][2] == LOW + 0x700
    assert parts(stacks_of(waiting, pointers=(LOW + 0x840,)))[0][2] == LOW + 0x800 - SPILLED


def test_a_deleted_tasks_stack_holds_nothing() -> None:
    found = stacks_of(task("gone", LOW, LOW + 0x800, deleted=True))
    assert parts(found) == [("gone", LOW, HEAP + BLOCK, HEAP + BLOCK)]
    assert "the task is deleted" in found.problems[0]


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
        assert (found.known, len(found.problems)) == ([], 1), doubtful
        assert "is scanned like other memory, old words too" in found.problems[0]


def test_stacks_in_each_other_are_none() -> None:
    one, other = task("one", LOW, LOW + 0x800), task("other", LOW + 0x100, LOW + 0x900)
    third = task("third", LOW + BLOCK, LOW + BLOCK + 8)
    found = stacks_of(one, other, third)
    assert [name for name, *_ in parts(found)] == ["third"]
    assert len(found.problems) == 2


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
    [stack] = task_stacks([task("net", low, low + 0x800, last=low + 0xBFC)], scanned, (), lambda _: 0).known
    scanned.set_aside(stack.low, stack.end)
    roots = [root, Root("stack", stack.name, stack.top, stack.end)]
    assert scanned.unreachable(roots, []) == [2]
    pointers = scanned.pointers_to(HEAP + 3 * BLOCK, HEAP + 4 * BLOCK, roots, [])
    assert [(pointer.address, pointer.block) for pointer in pointers] == [(low + 0x808, None)]
    assert [pointer.block for pointer in scanned.pointers_to(HEAP, HEAP + BLOCK, roots, [])] == [1]
