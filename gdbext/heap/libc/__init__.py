# SPDX-License-Identifier: Apache-2.0
"""The heaps of small C libraries: newlib's two allocators, and picolibc's."""

from gdbext.heap.allocator import Family

FAMILY = Family(
    kinds={
        "newlib": "newlib's full malloc, dlmalloc: the address of the first chunk, __malloc_sbrk_base rounded up to 8",
        "newlib_nano": "newlib-nano's malloc: the address of the first chunk with its head, __malloc_sbrk_start",
        "picolibc": "picolibc's malloc: the address of the first chunk with its head, __malloc_sbrk_start",
    },
    symbols=("__malloc_sbrk_start", "__malloc_av_"),
    functions=r"__malloc_(malloc|free|grow_chunk|sbrk_aligned)|_?sbrk(_r)?",
    frees={"__malloc_free": (0, None), "_free_r": (1, None), "_realloc_r": (1, None)},
    files=("nano-mallocr.c", "mallocr.c"),
)
