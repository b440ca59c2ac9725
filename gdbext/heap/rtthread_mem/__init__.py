# SPDX-License-Identifier: Apache-2.0
"""The heap of RT-Thread, small memory (mem.c)."""

from gdbext.heap.allocator import Family

FAMILY = Family(
    kinds={"rtthread_mem": "RT-Thread's small memory: the address of the rt_small_mem, in 3.1 of the first item"},
    symbols=("rt_smem_alloc", "rt_malloc"),
    functions=r"rt_(smem_)?(malloc|alloc|calloc|realloc|free)(_align)?|plug_holes",
    wrappers=r"rt_(m|c|re)alloc\w*",
    frees={"rt_free": (0, None), "rt_smem_free": (0, None), "rt_realloc": (0, None), "rt_smem_realloc": (1, None)},
    files=("mem.c", "kservice.c"),
)
