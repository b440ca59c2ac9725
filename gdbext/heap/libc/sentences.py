# SPDX-License-Identifier: Apache-2.0
"""The sentences for the heaps of the C libraries."""

SENTENCES = {
    # chunks and lists
    "chunk-link": "the list's pointer at {place:#x} is {stored:#010x}, {why}",
    "chunk-nowhere": "which leads to no place of a chunk",
    "chunk-again": "which leads to a chunk that is on a list already: it was freed twice, or the list never ends",
    "chunk-back": "which leads back, and the list is in address order",
    "chunk-inside": "which leads to {target:#x}, inside another chunk",
    "chunk-flag": "it is on a list of free chunks, but the free bit of its size {stored:#x} at {place:#x} is clear",
    "chunk-bucket": "it is in bucket {bucket}, whose chunks hold {size:byte}, but it holds {held:byte}",
    "chunk-offset": (
        "the word at {place:#x} in front of its user's pointer is {stored:#010x}, not {expected:#010x}: "
        "free looks {back:byte} before it for the size"
    ),
    "chunk-repeated": "the word behind it at {place:#x} is {stored:#x}, not its size, {size:#x}",
    "chunk-back-link": "its second link at {place:#x} is {stored:#010x}, not {expected:#x}: it does not lead back",
    "chunk-in-use": "it is in bin {bin}, but bit 0 of the next header at {place:#x} says that it is used",
    "chunk-bin": "it is in bin {bin}, but its size belongs into bin {right}",
    # what could not be checked
    "list-head-unknown": (
        "which chunks are free is not known: __malloc_free_list was not found; "
        "give the program with --elf, or the memory that holds its variables"
    ),
    # how a heap was found, or why not
    "no-chunks": "no chunks of this C library's malloc begin at {place:#x}",
    "no-bins": "no chunks lead from {place:#x} to the top chunk of a table of bins (__malloc_av_)",
    "heap-not-begun": "{name} at {place:#x} is -1: malloc has not been called yet; continue, then look again",
    # evidence for a kind of heap
    "ends-at-top-chunk": "end of the top chunk",
    "bins-at": "bins at {place:#x}",
    "top-told": "end that sbrk's variable tells",
    "top-found": "end that a variable holds",
    "top-by-sizes": "place where its sizes stop",
    "chunks-flagged": "free chunks have bit 0 of their sizes (picolibc since 2026)",
    "chunks-by-list": "chunks are free if they are on the list",
    "list-begins": "the list begins in __malloc_free_list, {place:#x}",
}
