# SPDX-License-Identifier: Apache-2.0
"""The sentences for Zephyr's heaps."""

SENTENCES = {
    "sys-heap-left": (
        "at {place:#x} it says that the chunk to its left has {stored:,} units of 8 bytes, but that has {expected:,}"
    ),
    "sys-heap-end-marker": "the end marker's size field at {place:#x} is {stored:#x}, not 1",
    "sys-heap-head": "a field of chunk 0 at {place:#x} is {stored:#x}, not {expected:#x}",
    "sys-heap-end-chunk": (
        "end_chunk at {place:#x} is {stored:,}, but the chunks end at {expected:,}, in units of 8 bytes"
    ),
    "sys-heap-head-link": "the head of list {list} at {place:#x} is {stored:,}, {why}",
    "sys-heap-next": "its next link at {place:#x} is {stored:,}, {why}",
    "sys-heap-prev": "its prev link at {place:#x} is {stored:,}, not {expected:,}",
    "sys-heap-leads-outside": "which is no chunk of the heap",
    "sys-heap-leads-twice": "which leads back to a chunk that is on a list already",
    "sys-heap-leads-used": "which leads to a used chunk",
    "sys-heap-listed-inside": "the link at {place:#x} leads into the middle of a block",
    "sys-heap-listed-used": "it is marked used, but it is on a list of free chunks",
    "sys-heap-wrong-list": "it is on list {list}, its size belongs on list {right}",
    "sys-heap-bitmap": "avail_buckets at {place:#x} is {stored:#x}, but the lists say {expected:#x}",
    "sys-heap-counter": "{name} at {place:#x} is {stored:byte}, but the chunks hold {expected:byte}",
    "sys-heap-most": (
        "max_allocated_bytes at {place:#x} is {stored:,}, less than the {allocated:byte} that are allocated"
    ),
    "sys-heap-trailer": "the canary at its end, {place:#x}, was overwritten",
    # what could not be checked, or why no heap was found
    "sys-heap-trailers-unknown": "what the canaries at the ends of chunks are made of is not known",
    "no-sys-heap": "no struct z_heap is at {place:#x}",
    "sys-heap-unset": "{name} has no memory yet: continue, then look again",
    # how a heap was found, and what speaks for it
    "sys-heap-by-name": "the heap {name}",
    "sys-heap-by-section": "a K_HEAP_DEFINE of the program",
    "sys-heap-form": "chunk 0 and the end marker fit {form}; agreeing with their neighbours: {chunks:chunk}",
    "sys-heap-small": "fields of 2 bytes",
    "sys-heap-big": "fields of 4 bytes",
    "sys-heap-k-malloc": "k_malloc keeps {owner:#x} in front of its callers' bytes",
}
