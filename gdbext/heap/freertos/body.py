# SPDX-License-Identifier: Apache-2.0
"""The allocators of FreeRTOS, and how their heaps are found."""

from gdbext.heap.allocator import Body
from gdbext.heap.freertos.allocators import HEAP_1, HEAP_2, HEAP_4, HEAP_5
from gdbext.heap.freertos.find import find_named
from gdbext.heap.freertos.search import displaced_freertos, find_freertos

BODY = Body(
    allocators=(HEAP_2, HEAP_4, HEAP_5, HEAP_1),
    find=find_named,
    search=find_freertos,
    displaced=displaced_freertos,
)
