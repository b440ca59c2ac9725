# SPDX-License-Identifier: Apache-2.0
"""The sentences for ThreadX's byte pools."""

SENTENCES = {
    # blocks
    "threadx-next": "its pointer to the next block, at {place:#x}, is {stored:#x}, {why}",
    "threadx-next-back": "which leads back",
    "threadx-next-outside": "which leads out of the pool",
    "threadx-next-odd": "which is no place of a block",
    "threadx-next-covers": "which leads past blocks that are there, or into one",
    "threadx-owner": "its owner at {place:#x} is {stored:#x}: neither this pool nor the mark of free blocks",
    "threadx-end": "the pool's last block at {place:#x} has {stored:#x}, not {expected:#x}",
    # the control block
    "threadx-control": "{name} at {place:#x} is {stored:#x}, not {expected:#x}",
    "threadx-search": "tx_byte_pool_search at {place:#x} is {stored:#x}, where no block begins",
    "threadx-ring": "{name} at {place:#x} is {stored:#x}, which is no pool that leads back to this one",
    "threadx-available": "tx_byte_pool_available at {place:#x} is {counted:,}, but the free blocks hold {held:byte}",
    "threadx-fragments": "tx_byte_pool_fragments at {place:#x} is {counted:,}, but the pool has {held:block}",
    "threadx-unsound": "the pool's blocks cannot be counted: one of them is damaged",
    # how a pool was found, or why not
    "threadx-none": "no byte pool of ThreadX has its control block at {place:#x}",
    "threadx-created": "the ring of created byte pools",
    "threadx-no-pools": "no byte pool of ThreadX is created yet: continue, then look again",
    "threadx-ring-ends": "the ring of byte pools leads to {place:#x}, which is no pool: others may be missing",
    # evidence for a kind of heap
    "threadx-id": "the word BYTE, and an end block that leads back to the pool's start",
    "threadx-no-end": "the word BYTE alone: the end block is overwritten",
}
