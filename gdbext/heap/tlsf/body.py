# SPDX-License-Identifier: Apache-2.0
"""The allocators of TLSF, and how their heaps are found."""

from gdbext.heap.allocator import Body
from gdbext.heap.tlsf.allocators import MULTI_HEAP, TLSF
from gdbext.heap.tlsf.find import find_named, find_pointed_to
from gdbext.heap.tlsf.search import displaced_tlsf, find_tlsf

BODY = Body(
    allocators=(MULTI_HEAP, TLSF),
    find=find_named,
    find_pointed_to=find_pointed_to,
    search=find_tlsf,
    displaced=displaced_tlsf,
)
