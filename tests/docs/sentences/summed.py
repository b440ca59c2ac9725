# SPDX-License-Identifier: Apache-2.0
"""What makes the sentences of alloc_hook's dumps and of valgrind's files appear."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.docs.sentences.logs import of_file
from tests.docs.sentences.world import refused
from tests.support.alloc_hook import Block, Frame, dump

MAIN = Frame(0x1200, "/opt/app/camera", "main+329")
DUMP = dump([Block(4096, "host", [MAIN]), Block(65536, "dma", [MAIN])])
PP = {"tb": 100, "tbk": 4, "mb": 50, "mbk": 2, "gb": 25, "gbk": 1, "eb": 75, "ebk": 3, "fs": [1]}
MASSIF = """desc: (none)
cmd: ./shop
time_unit: i
#-----------
snapshot=0
#-----------
time=120345
mem_heap_B=4096
mem_heap_extra_B=8
mem_stacks_B=0
heap_tree=empty
"""

BESIDE = """#-----------
snapshot=1
#-----------
time=130345
mem_heap_B=4090
mem_heap_extra_B=8
mem_stacks_B=0
heap_tree=peak
n1: 4090 (heap allocation functions) malloc/new/new[], --alloc-fns, etc.
 n0: 4090 0x109240: main (shop.c:8)
"""


def dhat(**head: object) -> bytes:
    return json.dumps({"dhatFileVersion": 2, **head, "pps": [PP], "ftbl": ["[root]", "0x10: f (a.c:5)"]}).encode()


def reported(text: str | bytes) -> Callable[[], Any]:
    return of_file(text if isinstance(text, bytes) else text.encode(), "report")


RECIPES: dict[str, Callable[[], Any]] = {
    "a dump that was cut off": reported(DUMP[: DUMP.rindex("alloc_size")]),
    "a dump of the peak": reported(dump([Block(4096, "host", [MAIN])], "peak")),
    "two dumps in one file": reported(DUMP * 2),
    "a dump of an old revision": reported(DUMP.replace(".000000KB", "KB")),
    "a dump that counts too many together": reported(dump([Block(8, "host", [MAIN], 10**9)])),
    "a DHAT file with less at the peak than at the end": reported(dhat(bklt=True)),
    "a torn DHAT file": reported(dhat(bklt=True)[:-5]),
    "a DHAT file of another version": lambda: refused(reported(dhat(dhatFileVersion=3))),
    "a DHAT file of another mode": lambda: refused(reported(dhat(mode="copy", bklt=False))),
    "a massif file without trees": reported(MASSIF),
    "a massif file with a tree beside the peak": reported(MASSIF + BESIDE),
}
