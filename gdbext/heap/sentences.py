# SPDX-License-Identifier: Apache-2.0
"""The sentences that all allocators share."""

SENTENCES = {
    # findings
    "size-word": "size word at {place:#x} is {stored:#010x}, {why}",
    "size-ends-heap": "which says that the heap ends here: it does not",
    "size-too-large": "larger than the heap",
    "size-not-made": "not a size that the allocator makes",
    "size-past-end": "which reaches past the end of the heap",
    "size-into-middle": "which leads into the middle of other blocks",
    "size-too-small": "less than the {allocated:byte} of its allocation",
    "neighbours-free": "it and the block behind it, {behind:#x}, are both free and were not joined",
    "free-not-listed": "it is marked free, but no free list leads to it",
    "offset-next": "its next at {place:#x} is {stored:#x}, {why}",
    "offset-back": "which leads back",
    "offset-outside": "which leads out of the heap",
    "offset-odd": "which is no place of a block",
    "offset-covers": "which leads past blocks that are there, or into one",
    "offset-prev": "its prev at {place:#x} is {stored:#x}, but the block in front lies at {expected:#x} of the heap",
    # where a walk went on after damage, and why
    "proven-by-trace": "trace: a block lives there since seq {seq}",
    "proven-by-list": "it is on a free list",
    "proven-by-canaries": "its canaries stand around it",
    "proven-by-chain": "its chain of size words ends exactly at the heap's end",
    "proven-by-chain-to-unread": "its chain of size words leads to the heap's end, or on to bytes that were not read",
    # how a heap was found, or why not
    "named-by-user": "named by the user",
    "found-by-signature": "found by its signature",
    "found-by-variable": "the variable {name}",
    "search-spent": "heaps of kind {kind} were not looked for from {place:#x} on: too much looks like them",
    "memory-unreadable": "its memory at {place:#x} cannot be read",
    "reading-interrupted": "its reading was interrupted; the same command again reads on",
    # what NuttX frees later
    "mm-free-delayed": (
        "mm_delaylist at {place:#x} holds {blocks:block} not freed yet: listed as used, though freed by the owner"
    ),
    # evidence for a kind of heap
    "ends-at-marker": "end marker",
    # pointers through which a program reaches its heaps
    "root-pointer": (
        "{name} at {place:#x} is {stored:#x}, not {target:#x}: nothing can allocate through it, "
        "though the heap is there"
    ),
    "root-leads-nowhere": "{name} at {place:#x} is {value:#x}, where no heap is: overwritten, or not set yet?",
    "root-not-set": "{name} at {place:#x} is 0, its heap is not set up yet: continue, then look again",
    "root-unreadable": "{name} at {place:#x} cannot be read",
    "root-absent": "{name} at {place:#x} is {value:#x}, which is not in the files: overwritten, or is a file missing?",
    "root-outside": (
        "{name} at {place:#x} is {value:#x}, outside of the memory that is known here; "
        "if memory is there: set memtrace memory {value:#x},{end:#x} (in the shell: --memory {value:#x},{end:#x})"
    ),
}
