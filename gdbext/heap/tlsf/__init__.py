# SPDX-License-Identifier: Apache-2.0
"""TLSF: Espressif's multi_heap, and a TLSF on its own (mattconte's, NuttX's, Espressif's without multi_heap)."""

from gdbext.heap.allocator import Family
from gdbext.heap.tlsf.allocators import MULTI_HEAP, TLSF
from gdbext.heap.tlsf.find import find_named, find_pointed_to
from gdbext.heap.tlsf.search import displaced_tlsf, find_tlsf
from gdbext.heap.tlsf.sentences import SENTENCES

FAMILY = Family(
    allocators=(MULTI_HEAP, TLSF),
    functions=r"tlsf_\w+|multi_heap_\w+|heap_caps_\w+|[ku]?mm_(delay)?(free|\w*alloc|memalign)(_\w+)?",
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
    find=find_named,
    find_pointed_to=find_pointed_to,
    search=find_tlsf,
    displaced=displaced_tlsf,
    sentences=SENTENCES,
)
