# SPDX-License-Identifier: Apache-2.0
"""What an overwritten word, a fill or a bad pointer is: the same words in `heap-check`, `last-malloc` and `explain`."""

SENTENCES = {
    # A word, by itself
    "got": "{got:#010x} is {what}",
    "is-zeros": "zeros",
    "is-repeated": "byte {byte:#04x}{letter} repeated",
    "is-text": "the text '{text}'",
    "is-small": "a small number: {got:,}",
    "is-counting": "a run of bytes that count up from {byte:#04x}",
    "is-head-mark": "the head mark of another block",
    "is-tail-mark": "the mark behind a block's end",
    "is-pointer": "a pointer {where}",
    "is-nowhere": "an address where no memory is known",
    # What memory is filled with
    "fill-never-used": "a pattern for memory that was never set",
    "fill-stack": "what stacks are filled with before they are used",
    "fill-freed": "what the allocator fills freed memory with",
    "fill-new": "what the allocator fills new memory with",
    "fill-freed-some": "what some allocators fill freed memory with",
    "fill-new-some": "what some allocators fill new memory with",
    # Where a pointer leads
    "spot-ram": "into RAM",
    "spot-flash": "to a constant in flash",
    "spot-code": "to code",
    "spot-function": "to the function {name}",
    "spot-variable": "to the variable {name}",
    "spot-constant": "to the constant {name}",
    "spot-task": "to the stack of task {task}",
    "spot-own-stack": "to the stack of the calls that gave it",
    "spot-block": "to the block {block:#x}",
    "spot-inside": "into the block {block:#x}, {offset:byte} past its start",
    "spot-freed": "to the freed block {block:#x}",
    "spot-inside-freed": "into the freed block {block:#x}, {offset:byte} past its start",
    "spot-header": "into the allocator's own words in front of the block {block:#x}",
    "spot-control": "into the control data of the heap at {heap:#x}",
    "spot-gap": "into the heap at {heap:#x}, but into no block of it",
    "spot-memory": "into memory, where no variable and no stack that is known lies",
    "spot-owned": "{where} ({owner})",
    "owner-task": "of task {task}",
    "owner-caller": "allocated by {caller}",
    "owner-caller-task": "allocated by {caller} in task {task}",
    # A word beside the one that belongs there
    "got-one-bit": (
        "{got:#010x} differs from what belongs there in bit {bit} alone: a flag that was set there, or faulty memory "
        "(power, timing of external RAM)"
    ),
    "got-one-bit-byte": "{got:#04x} differs in bit {bit} alone: a flag that was set there, or faulty memory",
    "got-zero-byte": (
        "of {got:#010x} only the first byte changed, to zero: the end of a string, written 1 byte past the end"
    ),
    "got-partly": "of {got:#010x} only {count:byte} of the mark changed, its first: {bytes}",
    "got-inside": "of {got:#010x} {count:byte} of the mark changed: {bytes}",
    "got-bytes": "what stands there are the bytes {bytes}",
    "got-one-byte": "the byte there is {got:#04x}",
    # Many words
    "run-pixels": "{count:byte} from {start:#x} on look like pixels (RGB565): a draw buffer",
    "run-samples": "{count:byte} from {start:#x} on look like samples of sound (16 bits)",
    "run-words": "{count:byte} from {start:#x} on are words that count up by {step:,}",
}
