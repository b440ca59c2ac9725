# SPDX-License-Identifier: Apache-2.0
"""The sentences for RT-Thread's small memory."""

SENTENCES = {
    # blocks
    "rtt-mark": "its mark at {place:#x} is {stored:#x}, not {expected:#x}",
    "rtt-end": "the heap's last item at {place:#x} has {stored:#x}, not {expected:#x}",
    # the heap's object, and variables
    "rtt-member": "{name} at {place:#x} is {stored:#x}, not {expected:#x}",
    "rtt-lfree": "lfree at {place:#x} is {stored:#x}: no free block is there",
    "rtt-used": "used at {place:#x} is {stored:,}, but {expected:byte} are in use with their items",
    "rtt-unsound": "which blocks are free is not known: one is damaged",
    # how a heap was found, or why not
    "rtt-none": "no small memory of RT-Thread is at {place:#x}",
    "rtt-variable": "RT-Thread's variable {name}",
    "rtt-not-begun": "RT-Thread's heap is not set up yet ({name} is 0): continue behind rt_system_heap_init, "
    "then look again",
    "rtt-lost": "RT-Thread's {name} at {place:#x} leads to no heap of small memory",
    # evidence for a kind of heap
    "rtt-chain": "blocks that lead to the next one and back: {count}, and a last item that leads to itself",
}
