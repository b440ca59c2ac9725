# SPDX-License-Identifier: Apache-2.0
"""Which task owns a block, by ESP-IDF's task tracking: the lists behind `task_stats`, where they have an entry a block.

Approach: tasks, their heaps and their blocks are three lists inside each other; the members of their nodes are asked of
the program's debug information. The lists are in heaps, so that they are followed once the heaps have been read.
Rejected: the handle in front of a block alone, as older versions have it (it is no name, and its task may be gone).
Cost: nothing where the heaps were read whole, else a read a node; not over a link that breaks easily.
Assumptions: hostile, as heaps are: nodes are counted, none is met twice, and none is read outside of known memory.
"""

from __future__ import annotations

from typing import Dict, Iterator, List, NamedTuple, Optional, Set, Tuple

from gdbext.model.said import Said, said
from gdbext.source.memory import Memory
from gdbext.symbols.shapes import Shape, Types, Variable

TASK_TRACKING = "heap_caps_update_per_task_info_alloc"  # what is linked where the tracking is compiled in
_FOLLOWED = ("slh_first", "heaps_stats", "allocs_stats")
_NEEDED = (
    {"name", "heaps_stats", "next_task_info"},
    {"allocs_stats", "next_heap_stat"},
    {"address", "next_alloc_stat"},
)
_MOST_NODES = 1 << 16
_LARGEST_NODE = 512
_LARGEST_NAME = 64


class TaskOwners(NamedTuple):
    """The names of tasks by the blocks that they own."""

    tasks: Dict[int, str]
    own: Tuple[Tuple[int, int], ...]  # memory that holds the addresses of these blocks: nobody's pointers
    problem: Optional[Said]


def lists_of(types: Types) -> Optional[Variable]:
    """Where the lists begin and what their nodes are made of; None: this program keeps none with blocks."""
    found = types.variable_of(TASK_TRACKING, "task_stats", _FOLLOWED)
    if found is None or len(found.shapes) != len(_FOLLOWED) + 1:
        return None
    nodes = found.shapes[1:]
    whole = all(needed <= set(node.members) for needed, node in zip(_NEEDED, nodes))
    return found if whole and all(0 < node.size <= _LARGEST_NODE for node in nodes) else None


def read_owners(memory: Memory, lists: Variable) -> TaskOwners:
    """The owner of every block that the lists have."""
    _, task, heap, block = lists.shapes
    tasks: Dict[int, str] = {}
    own: List[Tuple[int, int]] = []
    seen: Set[int] = set()
    problems: List[Said] = []
    named, address = task.members["name"], block.members["address"]
    for entry in _nodes(memory, lists.address, task, "next_task_info", seen, problems):
        text = memory.get(entry + named.offset, min(named.size, _LARGEST_NAME)) or b""
        name = text.split(b"\0")[0].decode("utf-8", "replace")
        heaps = entry + task.members["heaps_stats"].offset
        for of_heap in _nodes(memory, heaps, heap, "next_heap_stat", seen, problems):
            blocks = of_heap + heap.members["allocs_stats"].offset
            for of_block in _nodes(memory, blocks, block, "next_alloc_stat", seen, problems):
                place = of_block + address.offset
                own.append((place, place + address.size))
                tasks[memory.word(place) or 0] = name
    tasks.pop(0, None)
    return TaskOwners(tasks, tuple(own), problems[-1] if problems else None)


def _nodes(memory: Memory, head: int, shape: Shape, link: str, seen: Set[int], problems: List[Said]) -> Iterator[int]:
    """The nodes of a list, as far as it can be followed. `seen`: those of all lists."""
    node = memory.word(head)
    while node:
        known = memory.may_read(node, node + shape.size) and node % memory.source.pointer_size == 0
        if not known or node in seen or len(seen) == _MOST_NODES:
            problems.append(said("owner-list-broken", place=node))
            return
        seen.add(node)
        if memory.get(node, shape.size) is None:
            problems.append(said("owner-node-unread", place=node))
            return
        yield node
        node = memory.word(node + shape.members[link].offset)
