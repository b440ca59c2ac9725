# SPDX-License-Identifier: Apache-2.0
"""The sentences for TLSF, multi_heap and poisoning."""

SENTENCES = {
    # blocks
    "end-marker": "the end marker at {place:#x} is {stored:#010x}, not a used block of size 0",
    "flag-of-own": (
        "its size word {stored:#010x} says that it is {state}; its neighbour and the free lists say that it is not"
    ),
    "flag-of-previous": "its size word {stored:#010x} says that the block before it is {state}, which it is not",
    "flag-of-first": "its size word {stored:#010x} says that a free block is before it, but it is the first",
    "previous-link": (
        "the word behind the free block, prev_phys_block at {place:#x}, is {stored:#010x}, not {expected:#x}"
    ),
    # free lists
    "next-free": "next_free of {block:#x} at {place:#x} is {stored:#010x}, {why}",
    "list-head": "the head of list {list} at {place:#x} is {stored:#010x}, {why}",
    "leads-to-used": "which leads to a block that is not free",
    "leads-to-end": "which leads to where the heap ends",
    "leads-nowhere": "which is no address of a block",
    "leads-outside": "which leads outside the heap",
    "leads-to-listed": "which leads to a block already on a list",
    "prev-free": "prev_free at {place:#x} is {stored:#010x}, not {expected:#x}",
    "listed-inside": "the pointer at {place:#x} leads to {target:#x}, inside another block",
    "listed-used": "it is on free list {list} and marked used",
    "wrong-list": "it is on free list {list}, but its size belongs on list {right}",
    "unlisted": "it is marked free and is on no free list (its size belongs on list {list})",
    "lists-cut": (
        "{lists:,} of the free lists could not be followed to the end: "
        "free blocks that belong there were not looked for"
    ),
    # control block
    "bit-set": "bit {bit} of the bitmap at {place:#x} ({stored:#010x}) is set, but it stands for no free block",
    "bit-clear": "bit {bit} of the bitmap at {place:#x} ({stored:#010x}) is clear, but free blocks are on its lists",
    "null-block": "{member} of the null block at {place:#x} is {stored:#010x}, no block of this heap",
    "control-constant": "the control block's {constant}: {stored:#x}, but the rest of it says {expected:#x}",
    "its-bit-fields": "bit fields",
    "its-size": "size",
    "its-bitmaps": "pointer to the bitmaps",
    "its-lists": "pointer to the lists",
    # multi_heap
    "free-bytes": "free_bytes is {counted:,}, but the used blocks leave {left:byte}",
    "minimum-free": "minimum_free_bytes is {minimum:,}, more than the {free:byte} that are free",
    "headers-unsound": "the used blocks cannot be summed up before their headers are sound",
    "heap-pointer": "heap_data is {stored:#x}, not the control block behind it",
    "pool-size": "pool_size is {stored:#x}, but the heap ends at {end:#x}",
    "pool-size-limit": "pool_size is {stored:#x}, but the heap ends {limit:#x} bytes behind its control block at most",
    # poisoning
    "head-canary": "the canary in front of it, at {place:#x}, is {stored:#010x}, not {expected:#x}",
    "tail-canary": "the canary behind it, at {place:#x}, is {stored:#010x}, not {expected:#x}",
    "requested-length": "its requested length at {place:#x} is {stored:#x}, more than its {size:byte} can hold",
    "owner-word": "the word of its owner, at {place:#x}, is {stored:#010x}, which is no task's handle",
    "fill-inside": "the fill {fill:#x} inside the free block was overwritten: {bytes:byte} from {place:#x} on",
    "fill-behind": "the fill {fill:#x} behind its end was overwritten: {bytes:byte} from {place:#x} on",
    # heaps that were read in part
    "read-in-part": (
        "behind the damage at {place:#x} only {scanned:byte} and what lists and trace prove were read; "
        "to read all {left:byte}: set memtrace plan bulk"
    ),
    # pools
    "pool-without-blocks": "no block of this heap begins at {place:#x}, where --pool or the program has a pool",
    "pool-not-given": "a free list leads to {place:#x}, which was not given: is another pool there?",
    "pool-unlisted": (
        "{bytes:byte} at {start:#x} look like a pool that no free list leads to: "
        "it is checked with --pool {start:#x},{end:#x}"
    ),
    # how a heap was found, or why not
    "registered": "on the list registered_heaps",
    "registered-broken": "the list of heaps is broken at {place:#x}",
    "found-at-memory": "where a memory of the chip begins",
    "none-registered": "no heap is registered yet: continue to main, then look again",
    "found-by-member": "a member of what {name} points to",
    "tlsf-candidates": "the search has left out {places:place} that may be a TLSF",
    "no-tlsf": "no TLSF control block with its pool at {place:#x}",
    "no-multi-heap": "no multi_heap with a TLSF control block behind it at {place:#x}",
    "not-initialised": "not initialised yet: continue to main, then look again",
    "used-blocks-alone": (
        "this core holds used blocks alone: its free blocks, headers, lists and totals are not there and not checked"
    ),
    "no-used-block-behind": (
        "no used block is here behind {place:#x}: all was free up to {end:#x}, or blocks were left out: ESP-IDF leaves "
        "out what lies behind the first damaged block"
    ),
    # evidence for a kind of heap
    "lists-agree": "{agreeing:,} of {lists:,} lists agree with their bitmaps",
    "blocks-are-segments": "each used block is a segment of the core",
}
