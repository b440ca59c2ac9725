# SPDX-License-Identifier: Apache-2.0
"""The sentences for NuttX's default allocator."""

SENTENCES = {
    # nodes
    "mm-guard": "the size at {place:#x}, of a region's guard node, is {stored:#x}, not {expected:#x}",
    "mm-guard-preceding": (
        "the size before at {place:#x}, of a region's guard node, is {stored:#x}: it must have its flag {flag:#x}, "
        "and in a region's first node nothing else"
    ),
    "mm-flag-of-first": "its size word says that the node before it is free, but a region's guard lies there",
    "mm-flag-of-previous": "its size word says that the block before it is {state}; that block and the lists disagree",
    "mm-flag-of-own": "its size word says that it is {state}; the block behind it and the lists disagree",
    "mm-preceding": "the word at {place:#x}, the size of the block before, is {stored:#x}, not {expected:#x}",
    # lists
    "mm-flink": "flink of {block:#x} at {place:#x} is {stored:#010x}, {why}",
    "mm-head": "the head of list {list} at {place:#x} leads to {stored:#010x}, {why}",
    "mm-leads-nowhere": "where no node of this heap can be",
    "mm-leads-to-listed": "which is on a list already",
    "mm-leads-to-used": "which is in use",
    "mm-blink": "blink at {place:#x} is {stored:#010x}, not {expected:#010x}",
    "mm-head-size": "the head of list {list} has the size {stored:#x} at {place:#x}, not 0",
    "mm-listed-inside": "the link at {place:#x} leads to the inside of another block",
    "mm-listed-used": "it is marked used, but it is on free list {list}",
    "mm-wrong-list": "it is on free list {list}; its size belongs on list {right}",
    "mm-order": "it has {size:byte} and follows one of {before:byte} on free list {list}, which is in order of sizes",
    "mm-unlisted": "it is marked free, but it is not on free list {list}",
    "mm-lists-cut": (
        "not followed to the end: {lists:list}; a free block found on no list may be on what was not followed"
    ),
    # the struct
    "mm-heapsize": "mm_heapsize at {place:#x} is {stored:,}, but the regions have {held:byte}",
    "mm-nregions": "mm_nregions at {place:#x} is {stored:,}, but the struct has {regions:region}",
    "mm-region-end": "{name}[{number}] at {place:#x} is {stored:#x}, but the region's guard node lies at {expected:#x}",
    # how a heap was found, or why not
    "no-nuttx-mm": "no struct mm_heap_s of NuttX's default allocator lies at {place:#x}",
    "mm-variable": "NuttX's {name}",
    # evidence for a kind of heap
    "mm-form": "nodes with headers of {header:byte} and sizes of {size:byte}, {flags}",
    "mm-flags-top": "used ones have the top bit of the size before (up to 10.3)",
    "mm-flags-low": "used ones have bit 0 of the size before (11.0 and 12.0)",
    "mm-flags-now": "used ones have bit 0 of their own size",
}
