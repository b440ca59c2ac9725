# SPDX-License-Identifier: Apache-2.0
"""The sentences for lwIP's heap."""

SENTENCES = {
    # blocks
    "lwip-used": "its used at {place:#x} is {stored:#x}, neither 0 nor 1",
    "lwip-end": "the heap's last header at {place:#x} has {stored:#x}, not {expected:#x}",
    "lwip-before": "MEM_OVERFLOW_CHECK's fill cd is overwritten in front of it: {bytes:byte} from {place:#x} on",
    "lwip-behind": "MEM_OVERFLOW_CHECK's fill cd is overwritten behind it: {bytes:byte} from {place:#x} on",
    "lwip-length": "its user_size at {place:#x} is {stored:,}, more than a block of {size:byte} holds with its guards",
    # variables
    "lwip-pointer": "{name} at {place:#x} is {stored:#x}, not {expected:#x}",
    "lwip-unsound": "the lowest free block is not known: a block is damaged",
    # how a heap was found, or why not
    "lwip-none": "no chain of lwIP's blocks begins at {place:#x}",
    "lwip-variables": "lwIP's variables ram and ram_end",
    "lwip-not-begun": "lwIP's heap is not set up yet (ram is 0): continue behind mem_init, then look again",
    "lwip-lost": "lwIP's ram at {place:#x} leads to no heap of mem.c",
    # evidence for a kind of heap
    "lwip-chain": "blocks that lead to the next one and back: {count}, and a last header that leads to itself",
}
