# SPDX-License-Identifier: Apache-2.0
"""umm_malloc: the heaps of ESP8266 Arduino, and of whoever else uses it."""

from gdbext.heap.allocator import Family

FAMILY = Family(
    kinds={"umm_malloc": "umm_malloc: the address of its block 0, where its memory begins"},
    symbols=("heap_context", "umm_heap_current", "umm_heap"),
    functions=r"umm_(multi_)?(poison_)?(malloc|calloc|realloc|free)(_core|_fl)?",
    frees={
        "umm_free": (0, None),
        "umm_realloc": (0, None),
        "umm_multi_free": (1, 0),
        "umm_multi_realloc": (1, 0),
        "umm_poison_free_fl": (0, None),
        "umm_poison_realloc_fl": (0, None),
    },
    files=("umm_malloc.c", "umm_malloc.cpp", "umm_local.c", "umm_poison.c"),
)
