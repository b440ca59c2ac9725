# SPDX-License-Identifier: Apache-2.0
"""What breaks the rules of Zephyr's sys_heap."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from tests.image.ask import check
from tests.image.proofs import Reports
from tests.support.makers.sys_heap import Build, SysHeap
from tests.support.sys_heap_broken import BREAKS, OPTION, PLAIN, TRAILED, images, smudge_trailer, sound


def _broken(break_it: Callable[[SysHeap], None], build: Build = PLAIN) -> Reports:
    heap = sound(build)
    before = check(images(heap), OPTION)["heaps"][0]
    break_it(heap)
    return before, check(images(heap), OPTION)["heaps"][0]


PROOFS: dict[str, Callable[[], Reports]] = {
    **{f"sys_heap {rule}": partial(_broken, break_it) for rule, break_it in BREAKS.items()},
    "sys_heap trailer": partial(_broken, smudge_trailer, TRAILED),
}
