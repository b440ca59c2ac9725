# SPDX-License-Identifier: Apache-2.0
"""What breaks the rules of NuttX's default allocator."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random

from tests.image.ask import check
from tests.image.proofs import Reports
from tests.support.nuttx_mm_image import FORMS, Node, NuttxMm, load

PLACE, REGIONS = 0x2000_1000, [(0x2000_2000, 12000), (0x2000_6000, 4000)]


def sound(name: str = "12.1") -> NuttxMm:
    """A heap of two regions with some hundred calls behind it."""
    heap = NuttxMm(FORMS[name], PLACE, REGIONS, 2, 5, Random(7))
    sizes = (100, 40, 100, 40, 104, 40, 104, 40, 112, 40, 112, 24, 300, 32, 300, 24, 3000, 16)
    users = [heap.malloc(size) or 0 for size in sizes * 2]
    for user in users[::2]:
        heap.free(user)
    load(heap, Random(7), 12)
    return heap


def used(heap: NuttxMm, number: int = 5) -> Node:
    """A node in use in front of another one."""
    nodes = [one for one, after in zip(heap.nodes, heap.nodes[1:], strict=False) if one.used and after.used]
    return [node for node in nodes if not node.guard][number]


def free(heap: NuttxMm) -> list[Node]:
    """The free nodes of the list that has most of them."""
    return max(heap.lists, key=len)


def flip(heap: NuttxMm, place: int, bits: int) -> None:
    """Changes bits of a word."""
    heap.put(place, heap.get(place) ^ bits)


def link(heap: NuttxMm, node: Node, target: int, name: str = "flink") -> None:
    """Changes a link of a free node."""
    heap.put(node.at + heap.form.free[name], target)


def leave_out(heap: NuttxMm) -> None:
    """The second node of a list is unlinked as if it had been taken off."""
    first, _, third = free(heap)[:3]
    link(heap, first, third.at)
    link(heap, third, first.at, "blink")


def swap(heap: NuttxMm) -> None:
    """The last node of a list comes before the one that is smaller."""
    chosen = max(heap.lists, key=lambda nodes: len({node.size for node in nodes}))
    chosen.reverse()
    heap.write(0)


def misplace(heap: NuttxMm) -> None:
    """A free node is on the list behind its own."""
    chosen = next(n for n in range(len(heap.lists) - 1) if heap.lists[n])
    heap.lists[chosen + 1].insert(0, heap.lists[chosen].pop())
    heap.write(0)


def split(heap: NuttxMm) -> None:
    """A large free node becomes two, which are listed as they should be."""
    node = max((node for node in heap.nodes if not node.used), key=lambda node: node.size)
    heap.lists[heap.slot(node.size)].remove(node)
    rest = Node(node.at + 64, node.size - 64, False, node.region)
    node.size = 64
    heap.nodes.insert(heap.nodes.index(node) + 1, rest)
    for one in (node, rest):
        chosen = heap.lists[heap.slot(one.size)]
        chosen.append(one)
        chosen.sort(key=lambda one: one.size)
    heap.write(node.region)


def put_used(heap: NuttxMm) -> None:
    """A used node is led to from a list, and leads back to the node before it."""
    node, first = used(heap), free(heap)[0]
    link(heap, first, node.at)
    link(heap, node, first.at, "blink")


BREAKS: dict[str, Callable[[NuttxMm], None]] = {
    "region-guard": lambda heap: heap.put(heap.regions[0][0] + 4, 0x4141_4141),
    "free-flag": lambda heap: flip(heap, used(heap).at + 4, 2),
    "preceding-size": lambda heap: flip(heap, free(heap)[0].at + free(heap)[0].size, 8),
    "list-link": lambda heap: link(heap, free(heap)[0], 0x4141_4141),
    "list-cycle": lambda heap: link(heap, free(heap)[1], free(heap)[0].at),
    "back-link": lambda heap: link(heap, free(heap)[1], free(heap)[0].at + 8, "blink"),
    "listed-not-free": put_used,
    "wrong-list": misplace,
    "list-order": swap,
    "free-not-listed": leave_out,
    "list-head": lambda heap: heap.put(heap.heads_at + 4 * heap.form.free_bytes + 4, 64),
    "heap-struct": lambda heap: heap.put(heap.total_at, 77),
    "free-neighbours": split,
    "block-size": lambda heap: heap.put(used(heap).at + 4, 0x4141_4141),
}


def report(heap: NuttxMm) -> Reports:
    """The heap's report."""
    return check(heap.images(), f"nuttx_mm@{heap.place:#x}")["heaps"][0]  # type: ignore[no-any-return]


def _reports(break_it: Callable[[NuttxMm], None]) -> Reports:
    before, after = sound(), sound()
    break_it(after)
    return report(before), report(after)


_SHARED = ("free-neighbours", "block-size")  # rules that others prove
PROOFS = {f"nuttx_mm {rule}": partial(_reports, break_it) for rule, break_it in BREAKS.items() if rule not in _SHARED}
