# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a heap, as data: findings, suspects, and ways in which it may have come about."""

from __future__ import annotations

from typing import Optional, Tuple

from gdbext.model.events import Assertion, Stack
from gdbext.model.record import Record
from gdbext.model.said import Text


class Suspect(Record):
    """A block whose owner may have done it, or that was hit."""

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


class Explanation(Record):
    """One way the damage may have come about, with what speaks for it."""

    kind: str
    payload: Optional[int]
    text: Text
    evidence: Tuple[Text, ...]


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
    # What the broken word is: "size-word", "next-free", "prev-free", "prev-block", "list-head", "bitmap", "fill",
    # "head-canary", "tail-canary", "requested-length", "owner-word", "counter", "constant" (of the control data) or
    # "variable" (of the program); "": no one word is to blame.
    role: str = ""
    expected: Optional[int] = None  # the whole word, as it must be; of a fill its byte; None: several may be right
    actual: Optional[int] = None  # the whole word, as it is


class Extent(Record):
    """What the damaged bytes look like: a run that goes on beyond the damaged word, or the word alone."""

    start: int
    end: int
    look: str  # "fill", "text", "pointer", "zero", "counter", "other"
    words: Text  # the same for people


class Operation(Record):
    """What the target was doing when it stopped."""

    in_allocator: bool = False
    why: Text = ""
    asserted: bool = False
    assertion: Optional[Assertion] = None  # as the debugger sees it
