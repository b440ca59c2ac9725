# SPDX-License-Identifier: Apache-2.0
"""TLSF: Espressif's multi_heap, and a TLSF on its own (mattconte's, NuttX's, Espressif's without multi_heap)."""

from gdbext.heap.allocator import Family
from gdbext.heap.tlsf.allocators import MULTI_HEAP, TLSF
from gdbext.heap.tlsf.find import find_named, find_pointed_to
from gdbext.heap.tlsf.search import displaced_tlsf, find_tlsf
from gdbext.heap.tlsf.sentences import SENTENCES

FAMILY = Family(
    allocators=(MULTI_HEAP, TLSF),
    functions=r"tlsf_\w+|multi_heap_\w+|heap_caps_\w+",
    files=("tlsf.c", "heap_tlsf.c", "multi_heap.c", "multi_heap_poisoning.c", "heap_caps.c"),
    find=find_named,
    find_pointed_to=find_pointed_to,
    search=find_tlsf,
    displaced=displaced_tlsf,
    sentences=SENTENCES,
)
