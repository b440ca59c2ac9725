# SPDX-License-Identifier: Apache-2.0
"""TLSF: Espressif's multi_heap, and a TLSF on its own (mattconte's, NuttX's, Espressif's without multi_heap)."""

from gdbext.heap.allocator import Family

FAMILY = Family(
    kinds={
        "multi_heap": "Espressif's multi_heap: the address of its struct multi_heap_info",
        "tlsf": "a TLSF on its own: the address of its control block",
    },
    pooled=("tlsf",),
    functions=r"tlsf_\w+|multi_heap_\w+|heap_caps_\w+|[ku]?mm_(delay)?(free|\w*alloc|memalign)(_\w+)?",
    searches=r"block_\w+|\w+_free_block|search_suitable_block",
    frees={
        **{f"tlsf_{name}": (1, 0) for name in ("free", "realloc")},
        **{f"multi_heap_{name}": (1, 0) for name in ("free", "realloc", "aligned_free", "free_impl", "realloc_impl")},
        **{f"heap_caps_{name}": (0, None) for name in ("free", "realloc", "realloc_default", "aligned_free")},
        "heap_caps_realloc_base": (0, None),
        "kmm_free": (0, None),
        "kmm_realloc": (0, None),  # NuttX's k and u
        "umm_free": (0, None),
        "umm_realloc": (0, None),
        "mm_free": (1, None),
        "mm_realloc": (1, None),
    },
    hands_out={"multi_heap_malloc": ("data", "head"), "multi_heap_aligned_alloc_offs": ("data", "head")},
    files=("tlsf.c", "heap_tlsf.c", "multi_heap.c", "multi_heap_poisoning.c", "heap_caps.c"),
)
