# SPDX-License-Identifier: Apache-2.0
"""Finds which task owns a block by ESP-IDF's task tracking: the lists of `task_stats`, if they have an entry a block.

Approach: each task has a list of heaps, and each heap a list of blocks. The program's debug information gives the
members of their nodes. The lists lie in heaps, so they are followed after the heaps have been read.
Rejected: only the handle in front of a block, as older versions have it (it is no name, and its task may be gone).
Cost: nothing if the heaps were read whole, else one read for each node. Lists are not read over a fragile link.
Assumptions: the lists are as hostile as heaps: the number of nodes is limited, no node is visited twice, and none is
read outside of known memory.
"""

from __future__ import annotations

from typing import Callable, Dict, Iterator, List, Optional, Set, Tuple

from gdbext.model.said import Said, said
from gdbext.source.memory import Memory
from gdbext.symbols.shapes import Shape, Types, Variable
from gdbext.trace.trace import Trace

TASK_TRACKING = "heap_caps_update_per_task_info_alloc"  # a function that is linked if the tracking is compiled in
_FOLLOWED = ("slh_first", "heaps_stats", "allocs_stats")
_NEEDED = (
    {"name", "heaps_stats", "next_task_info"},
    {"allocs_stats", "next_heap_stat"},
    {"address", "next_alloc_stat"},
)
_MOST_NODES = 1 << 16
_LARGEST_NODE_BYTES = 512
_LONGEST_NAME_BYTES = 64


def lists_of(types: Types) -> Optional[Variable]:
    """Returns the start of the lists and the shapes of their nodes. None if the program keeps no lists of blocks."""
    found = types.variable_of(TASK_TRACKING, "task_stats", _FOLLOWED)
    if found is None or len(found.shapes) != len(_FOLLOWED) + 1:
        return None
    nodes = found.shapes[1:]
    whole = all(needed <= set(node.members) for needed, node in zip(_NEEDED, nodes))
    return found if whole and all(0 < node.size <= _LARGEST_NODE_BYTES for node in nodes) else None


def read_owners(memory: Memory, lists: Variable, is_used: Callable[[int], bool] = lambda payload: True) -> Trace:
    """Returns the owner of every block in the lists, as a trace that holds owners alone.

    IDF never takes out a block that was allocated before there were tasks: the entry of no task tells of used blocks
    alone, by `is_used`.
    """
    _, task, heap, block = lists.shapes
    tasks: Dict[int, str] = {}
    own: List[Tuple[int, int]] = []
    seen: Set[int] = set()
    problems: List[Said] = []
    named, handle, address = task.members["name"], task.members.get("handle"), block.members["address"]
    for entry in _nodes(memory, lists.address, task, "next_task_info", seen, problems):
        text = memory.get(entry + named.offset, min(named.size, _LONGEST_NAME_BYTES)) or b""
        name = text.split(b"\0")[0].decode("utf-8", "replace")
        is_task = handle is None or memory.word(entry + handle.offset) != 0
        heaps = entry + task.members["heaps_stats"].offset
        for of_heap in _nodes(memory, heaps, heap, "next_heap_stat", seen, problems):
            blocks = of_heap + heap.members["allocs_stats"].offset
            for of_block in _nodes(memory, blocks, block, "next_alloc_stat", seen, problems):
                place = of_block + address.offset
                own.append((place, place + address.size))
                payload = memory.word(place) or 0
                if is_task or is_used(payload):
                    tasks[payload] = name
    tasks.pop(0, None)
    return Trace(None, owners=tasks, own=tuple(own), problems=tuple(problems[-1:]))


def _nodes(memory: Memory, head: int, shape: Shape, link: str, seen: Set[int], problems: List[Said]) -> Iterator[int]:
    """Yields the nodes of a list, as far as it can be followed. `seen` has the nodes of all lists so far."""
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
