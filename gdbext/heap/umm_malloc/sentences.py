# SPDX-License-Identifier: Apache-2.0
"""The sentences for umm_malloc's heaps."""

SENTENCES = {
    # blocks
    "umm-next": "the next number of block {number} at {place:#x} is {stored}, where no block behind it begins",
    "umm-before": "its prev number at {place:#x} is {stored}, the block in front of it is {expected}",
    "umm-marked": "its prev number at {place:#x} has a mark, which umm_integrity_check sets while it runs",
    "umm-head": "the {member} number of block 0 at {place:#x} is {stored}, not {expected}",
    "umm-end": "the last block's next number at {place:#x} is {stored}, not 0",
    "umm-flag": "its next number {stored:#06x} says that it is {state}; the free list says {right}",
    # the list of free blocks
    "umm-link": "a link of the free list at {place:#x} is {stored}, {why}",
    "umm-link-other": "to which another block leads",
    "umm-link-used": "a used block",
    "umm-link-nowhere": "which is no block",
    "umm-unlisted": "block {number} is free, and no link of the free list leads to it",
    # poison
    "umm-poison": "the poison at {place:#x} is {stored:#010x}, not {expected:#010x}",
    "umm-length": "the length at {place:#x} is {stored}, with the poison; the block has {size:byte}",
    # how a heap was found, or why not
    "umm-none": "no blocks of umm_malloc begin at {place:#x}",
    "umm-context": "the variable {name}",
    "umm-uninitialised": "no heap of umm_malloc is initialised yet: continue, then look again",
    # evidence for a kind of heap
    "umm-blocks": "blocks of {body:byte}, each confirmed by the one behind it",
    "umm-poisoned": "poison around users' bytes, lengths of {width:byte}",
}
