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
    problem: Optional[str]


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
    reader = _Reader(memory)
    _, task, heap, block = lists.shapes
    tasks: Dict[int, str] = {}
    own: List[Tuple[int, int]] = []
    address = block.members["address"]
    for one in reader.nodes(lists.address, task, "next_task_info"):
        name = reader.text(one, task)
        for two in reader.nodes(one + task.members["heaps_stats"].offset, heap, "next_heap_stat"):
            for three in reader.nodes(two + heap.members["allocs_stats"].offset, block, "next_alloc_stat"):
                place = three + address.offset
                own.append((place, place + address.size))
                tasks[memory.word(place) or 0] = name
    tasks.pop(0, None)
    return TaskOwners(tasks, tuple(own), reader.problem)


class _Reader:
    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.problem: Optional[str] = None
        self._seen: Set[int] = set()

    def nodes(self, head: int, shape: Shape, link: str) -> Iterator[int]:
        """The nodes of a list, as far as it can be followed."""
        node = self.memory.word(head)
        while node:
            known = self.memory.may_read(node, node + shape.size) and node % self.memory.source.pointer_size == 0
            if not known or node in self._seen or len(self._seen) == _MOST_NODES:
                self.problem = f"a list of its breaks off at {node:#x}"
                return
            self._seen.add(node)
            if self.memory.get(node, shape.size) is None:
                self.problem = f"a node of its lists at {node:#x} cannot be read"
                return
            yield node
            node = self.memory.word(node + shape.members[link].offset)

    def text(self, node: int, shape: Shape) -> str:
        place = shape.members["name"]
        data = self.memory.get(node + place.offset, min(place.size, _LARGEST_NAME)) or b""
        return data.split(b"\0")[0].decode("utf-8", "replace")
