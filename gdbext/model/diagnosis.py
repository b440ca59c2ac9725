# SPDX-License-Identifier: Apache-2.0
"""The damage of a heap, as data: findings, suspects, and explanations of how it may have come about."""

from __future__ import annotations

from typing import Optional, Tuple

from gdbext.model.events import Assertion, Stack
from gdbext.model.memory import Reference, Spot
from gdbext.model.record import Record
from gdbext.model.said import Said, Text


class Suspect(Record):
    """A block that was hit, or whose owner may have caused the damage."""

    payload: int
    size: int
    state: str  # "used", "freed" or "freeing"
    task: Optional[str]
    seq: Optional[int]
    allocated: Stack
    freed: Optional[Stack]
    why: Text
    freed_seq: Optional[int] = None
    freed_task: Optional[str] = None
    role: Optional[Said] = None  # what the block is for, where that is proven


class Explanation(Record):
    """One way in which the damage may have come about, with the evidence for it."""

    kind: str
    payload: Optional[int]
    text: Text
    evidence: Tuple[Text, ...]
    certainty: str = "possible"  # "shown" by heap and trace or by a run of bytes, "likely" or "possible"


class Answer(Record):
    """Who did it: the likeliest explanation of the first damage, or why nobody can be named."""

    certainty: str  # "shown", "likely", or "unknown" if it cannot be told
    group: int  # of the findings that it is about
    kind: Optional[str]  # of the explanation; None if it cannot be told
    payload: Optional[int]
    suspect: Optional[Suspect]  # the block whose owner did it, with its stacks
    text: Text


class Reading(Record):
    """What a word that was found is."""

    address: Optional[int]  # where it stands; None if it is a pointer that was given to the allocator
    value: int
    # "text", "pointer", "fill", "zero-byte" or "one-bit" (of what belongs there), "counter", "pixels" or "samples" (it
    # begins many of them); None if it is nothing of these
    got_is: Optional[str]
    text: Said
    spot: Optional[Spot] = None  # what lies there, if it is a pointer


class Finding(Record):
    """One broken rule. `address` is its first damaged byte."""

    rule: str
    severity: str  # "damage" or "note"
    group: int
    address: int
    length: Optional[int]
    block: Optional[int]
    bytes: str  # hex
    text: Text
    suspects: Tuple[Suspect, ...] = ()
    explanations: Tuple[Explanation, ...] = ()
    extent: Optional[Extent] = None
    # The kind of the broken word: "size-word", "next-free", "prev-free", "prev-block", "list-head", "bitmap", "fill",
    # "head-canary", "tail-canary", "requested-length", "owner-word", "counter", "constant" (of the control data) or
    # "variable" (of the program). "" if no single word is to blame.
    role: str = ""
    expected: Optional[int] = None  # the whole word as it must be, or a fill's byte; None if several values are right
    actual: Optional[int] = None  # the whole word as it is
    got_is: Optional[str] = None  # what stands there: that of the first of `readings`
    readings: Tuple[Reading, ...] = ()  # what the words are that stand there, or that were given to the allocator
    held_by: Tuple[Reference, ...] = ()  # where a pointer is stored that was freed and is no block's


class Extent(Record):
    """What the damaged bytes look like. The run may go on beyond the damaged word."""

    start: int
    end: int
    look: str  # "fill", "text", "pointer", "zero", "counter", "other"
    words: Text  # the look in words
    passed: int = 0  # bytes of the allocator's own that the run passes over: it has written them since


class Given(Record):
    """The pointer that the calls at a stop gave to the allocator to free or resize, or were about to get from it."""

    pointer: int
    function: str  # that has it as an argument
    heaps: Tuple[int, ...]  # what the same calls have as the heap: addresses of its head and of its control block
    stack: Tuple[int, ...]  # PCs of the calls outside of the allocator, innermost first
    frame: int  # the stack pointer of the first of them; 0 if not known
    handed_out: bool = False
    read: Optional[Reading] = None  # what it is, if no heap has handed it out
    what: Optional[Said] = None  # the same, behind "it is"
    held_by: Tuple[Reference, ...] = ()  # variables and blocks that hold it, if it is no block's
    functions: Tuple[str, ...] = ()  # the allocator's that have it, innermost first


class Operation(Record):
    """The operation that the target was in when it stopped."""

    in_allocator: bool = False
    why: Text = ""
    asserted: bool = False
    assertion: Optional[Assertion] = None  # from the trace, else from the debugger
    given: Optional[Given] = None  # if an assertion or a fault ended it
