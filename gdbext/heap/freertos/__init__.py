# SPDX-License-Identifier: Apache-2.0
"""The heaps of FreeRTOS: heap_1, heap_2, heap_4 and heap_5."""

from gdbext.heap.allocator import Family

FAMILY = Family(
    kinds={
        "freertos_heap_2": "FreeRTOS heap_2: the address of its first block header",
        "freertos_heap_4": "FreeRTOS heap_4: the address of its first block header",
        "freertos_heap_5": "FreeRTOS heap_5: the address of the first region's first block header",
        "freertos_heap_1": "FreeRTOS heap_1: the aligned start of its array; needs symbols",
    },
    pooled=("freertos_heap_5",),
    symbols=("ucHeap", "pxEnd"),
    functions=r"pvPort\w*alloc|vPortFree",
    frees={"vPortFree": (0, None), "pvPortRealloc": (0, None)},
    files=("heap_1.c", "heap_2.c", "heap_3.c", "heap_4.c", "heap_5.c"),
)
