# SPDX-License-Identifier: Apache-2.0
"""The heaps of FreeRTOS: heap_1, heap_2, heap_4 and heap_5."""

from gdbext.heap.allocator import Family
from gdbext.heap.freertos.allocators import HEAP_1, HEAP_2, HEAP_4, HEAP_5
from gdbext.heap.freertos.find import find_named
from gdbext.heap.freertos.search import displaced_freertos, find_freertos
from gdbext.heap.freertos.sentences import SENTENCES

FAMILY = Family(
    allocators=(HEAP_2, HEAP_4, HEAP_5, HEAP_1),
    functions=r"pvPort\w*alloc|vPortFree",
    frees={"vPortFree": (0, None), "pvPortRealloc": (0, None)},
    files=("heap_1.c", "heap_2.c", "heap_3.c", "heap_4.c", "heap_5.c"),
    find=find_named,
    search=find_freertos,
    displaced=displaced_freertos,
    sentences=SENTENCES,
)
