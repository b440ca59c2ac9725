# SPDX-License-Identifier: Apache-2.0
"""The sentences for FreeRTOS's heaps."""

SENTENCES = {
    # blocks
    "allocated-bit": "its size word {stored:#010x} says that it is {state}; its next pointer and the list say {right}",
    "used-pointer": "its next pointer at {place:#x} is {stored:#010x}, but used blocks keep {expected:#x}",
    "old-pointer": "its next pointer at {place:#x} is {stored:#010x}, which leads to no block and not to xEnd",
    "free-pointer": "its next pointer at {place:#x} is {stored:#010x}, {why}",
    "pointer-outside": "which leads outside the heap",
    "pointer-back": "which leads back: the list never ends",
    "pointer-past-block": "which leads past a free block: that one is not on the list",
    "pointer-to-no-block": "which leads to {target:#x}, no free block",
    "leads-to-early-end": "which ends the list: larger free blocks are not on it",
    "leads-to-no-block": "which leads to no place of a block and not to xEnd",
    "leads-inside": "which leads to {target:#x}, inside another block",
    "leads-to-used-block": "which leads to {target:#x}, a used block",
    "leads-to-smaller": "which leads to {target:#x}, a smaller block: the list is in order of their sizes",
    "leads-past-blocks": "which leads past free blocks: these are not on the list",
    "list-start": "xStart at {place:#x} is {stored:#010x}, which leads to no free block and not to xEnd",
    "list-cycle": "its next pointer at {place:#x} leads back to {target:#x}: the list never ends",
    "list-end": "xEnd at {place:#x} has the pointer {pointer:#x} and the size {size:#x}, not 0 and {expected:#x}",
    "marker-size": "the end marker at {place:#x} has a size of {stored:#x}, not 0",
    "marker-pointer": "the end marker at {place:#x} has a next pointer, {stored:#010x}",
    # variables
    "free-bytes-remaining": "xFreeBytesRemaining at {place:#x} is {counted:,}, but the free blocks hold {held:byte}",
    "next-byte-large": "xNextFreeByte at {place:#x} is {stored:,}, but the heap has {whole:byte}",
    "next-byte-odd": "xNextFreeByte at {place:#x} is {stored:,}, no multiple of the alignment, {align:byte}",
    "aligned-heap": "pucAlignedHeap at {place:#x} is {stored:#010x}, but the array's aligned start is {expected:#x}",
    # what could not be checked
    "free-inferred": (
        "which blocks are free was inferred: this heap_2 has no allocated bit, and xStart, where its list begins, was "
        "not found: give the program with --elf, or the memory that holds its variables"
    ),
    "heap-1-counter": (
        "heap_1 keeps no headers: its counter alone was checked, and only blocks that the trace knows are listed"
    ),
    # how a heap was found, or why not
    "found-by-array": "the array ucHeap",
    "found-by-table": "the table {name}",
    "array-absent": "the array ucHeap at {start:#x}..{end:#x} is not in the memory that is at hand",
    "array-without-heap": "the array ucHeap at {start:#x} begins with no block of heap_4: was its start overwritten?",
    "no-end-pointer": "the heap of FreeRTOS is not initialised yet (pxEnd is NULL): continue, then look again",
    "no-end-size": "the heap of FreeRTOS is not initialised yet (xEnd has no size): continue, then look again",
    "no-table": "no table of regions leads to the heap of FreeRTOS: use --heap freertos_heap_5@ADDRESS",
    "no-heap-2": "no blocks of FreeRTOS's heap_2 begin at {place:#x}",
    "no-chain": "no chain of FreeRTOS blocks leads from {place:#x} to an end marker",
    "heap-1-symbols": "heap_1 keeps no headers; xNextFreeByte tells how much is in use: give the program with --elf",
    "freertos-parts": "no more FreeRTOS heaps or parts were looked for: {most:size} were searched behind damage",
    "freertos-candidates": "the search has stopped after {places:place} that may be a FreeRTOS heap",
    "freertos-headers": "FreeRTOS heaps behind {place:#x} were not looked for: too much looks like them",
    # evidence for a kind of heap
    "bytes-in-use": "xNextFreeByte: {used:,} of {whole:byte} are in use",
    "headers": "headers of {header:byte}",
    "headers-told": "headers of {header:byte} as debug information has them",
    "pointer-canary": "pointers under the canary {canary:#x}",
    "marked": "used blocks have the top bit of their sizes",
    "unmarked": "sizes have no allocated bit (before V10.5)",
    "start-unknown": "xStart was not found",
    "start-known": "the list begins in xStart, {place:#x}",
    "end-known": "the list ends on xEnd, {place:#x}",
    "ends-at": "end, {why}",
    "ends-with-headers": "where its headers stop",
    "ends-with-memory": "with its memory",
    "ends-as-told": "as xEnd says",
}
