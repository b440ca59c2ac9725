# SPDX-License-Identifier: Apache-2.0
"""The sentences for rlsf."""

SENTENCES = {
    # blocks
    "rlsf-last": "the pool's last block at {place:#x} has the size word {stored:#x}, not {expected:#x}",
    "rlsf-before": "its prev_phys_block at {place:#x} is {stored:#x}, not {expected:#x}",
    # lists
    "rlsf-next": "its next_free at {place:#x} is {stored:#x}, {why}",
    "rlsf-prev": "its prev_free at {place:#x} is {stored:#x}, {why}",
    "rlsf-nowhere": "where no free block is",
    "rlsf-not-back": "which does not lead back",
    "rlsf-expected": "but {expected:#x} leads here",
    "rlsf-used": "it is marked used, but a free list leads to it",
    "rlsf-unlisted": "it is marked free, but no free list leads to it",
    # the Tlsf
    "rlsf-head": "the head of free list {list} at {place:#x} is {stored:#x}, {why}",
    "rlsf-head-lacks": "but {expected:#x} is the first block of that list",
    "rlsf-head-other": "which is not the first block of that list",
    "rlsf-bit": "bit {bit} of the bitmap at {place:#x}, {stored:#x}, contradicts the heads of the lists",
    "rlsf-no-table": "only a block's address is known, not the Tlsf with the heads of the lists",
    # how a heap was found, or why not
    "rlsf-none": (
        "neither a Tlsf of rlsf with a free block nor a pool's first block lies at {place:#x}; if no block is free, "
        "give the address of the first block"
    ),
    # evidence for a kind of heap
    "rlsf-chain": "blocks that lead to the next one and back: {count}, and a last block with both flags",
}
