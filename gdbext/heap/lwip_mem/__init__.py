# SPDX-License-Identifier: Apache-2.0
"""The heap of lwIP, mem.c."""

from gdbext.heap.allocator import Family

FAMILY = Family(
    kinds={"lwip_mem": "lwIP's mem.c: the address in ram, where the first block's header is"},
    symbols=("ram_end",),
    functions=r"mem_(malloc|calloc|free|trim|realloc)|plug_holes",
    frees={"mem_free": (0, None), "mem_trim": (0, None)},
    files=("mem.c",),
)
