# SPDX-License-Identifier: Apache-2.0
"""Zephyr's sys_heap: k_malloc's heap, the C library's malloc, each K_HEAP_DEFINE and k_heap of a program."""

from gdbext.heap.allocator import Family

FAMILY = Family(
    kinds={"sys_heap": "Zephyr's sys_heap: the address of its struct z_heap"},
    symbols=("sys_heap_alloc", "sys_heap_init", "_system_heap", "z_malloc_heap", "_k_heap_list_start"),
    functions=r"sys_(multi_)?heap_\w+|k_heap_\w+|z_heap_\w+|z_alloc_helper|z_thread_\w*alloc|k_(m|c|aligned_|re)alloc|k_free",
    frees={
        "sys_heap_free": (1, 0),
        "sys_heap_realloc": (1, 0),
        "sys_heap_aligned_realloc": (1, 0),
        "k_heap_free": (1, 0),
        "k_heap_realloc": (1, 0),
        "k_free": (0, None),
        "k_realloc": (0, None),
    },
    files=("heap.c", "kheap.c", "mempool.c"),
)
