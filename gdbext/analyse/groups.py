# SPDX-License-Identifier: Apache-2.0
"""Puts faults of one cause into one group: they touch the same block or list, or their bytes overlap in one run."""

from __future__ import annotations

from typing import Container, Dict, Hashable, List, Mapping, Sequence

from gdbext.heap.facts import Fault
from gdbext.model.diagnosis import Extent


def group_faults(
    faults: Sequence[Fault], extents: Sequence[Extent], rank: Mapping[str, int], derived: Container[str]
) -> List[List[int]]:
    """Returns the positions of the faults, group by group: in address order, but those of `derived` rules last.

    The fault that says most comes first in its group: by the `rank` of its rule, and trace rules before all others.
    """
    roots = list(range(len(faults)))
    seen: Dict[Hashable, int] = {}
    for position, fault in enumerate(faults):
        for thing in fault.touches:
            roots[_root(roots, position)] = _root(roots, seen.setdefault(thing, position))
    order = sorted(range(len(extents)), key=lambda position: extents[position].start)
    for one, other in zip(order, order[1:]):
        telling = extents[one].look != "zero" and extents[other].look != "zero"  # zeros are everywhere
        if telling and extents[other].start < extents[one].end:
            roots[_root(roots, other)] = _root(roots, one)
    order = sorted((position for position in order if faults[position].length), key=lambda p: faults[p].address)
    for one, other in zip(order, order[1:]):  # no byte between them is sound
        if faults[other].address <= faults[one].address + faults[one].length:
            roots[_root(roots, other)] = _root(roots, one)
    groups: Dict[int, List[int]] = {}
    for position in range(len(faults)):
        groups.setdefault(_root(roots, position), []).append(position)
    ordered = [
        sorted(group, key=lambda p: (rank.get(faults[p].rule, -1), faults[p].address)) for group in groups.values()
    ]
    return sorted(ordered, key=lambda group: (faults[group[0]].rule in derived, faults[group[0]].address))


def _root(roots: List[int], position: int) -> int:
    while roots[position] != position:
        roots[position] = roots[roots[position]]
        position = roots[position]
    return position
