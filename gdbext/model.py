# SPDX-License-Identifier: Apache-2.0
"""What memtrace knows, as data: the twins of every report.

Approach: frozen dataclasses without behaviour beyond their own facts. Each report is built as these, then rendered
as text or as JSON; tests look here and not at text.
Rejected: dictionaries (no names to check) and gdb.Value (no use outside GDB).
Assumptions: addresses and sizes are plain integers of the target; `size` is what the allocator holds, counted from
`raw`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple


@dataclass(frozen=True)
class Frame:
    """One place in a call stack; what is not known is None."""

    pc: int
    function: Optional[str] = None
    file: Optional[str] = None
    line: Optional[int] = None
    inlined: bool = False


Stack = Tuple[Frame, ...]


@dataclass(frozen=True)
class Block:
    """A block of a heap, named by the pointer its user holds."""

    payload: int
    raw: int
    size: int
    requested: Optional[int]
    state: str  # "used" or "free"

    @property
    def end(self) -> int:
        """The address behind its last byte."""
        return self.raw + self.size


@dataclass(frozen=True)
class Event:
    """One event of a trace, with its sequence number and time made whole."""

    seq: int
    kind: str
    address: int
    size: int
    heap: int
    context: int
    task: Optional[str]
    tag: int
    core: int
    time: Optional[int]  # in the trace's units
    stack: Tuple[int, ...]  # PCs as recorded, innermost first
    link: Optional[int] = None  # sequence number of the begin of a reallocation's end


@dataclass(frozen=True)
class Generation:
    """One life of an address: from an allocation to its free. What the trace no longer holds is None."""

    payload: int
    size: Optional[int]  # as requested
    task: Optional[str]
    seq: Optional[int]
    allocated: Tuple[int, ...]
    freed_seq: Optional[int] = None  # None, too, where the trace does not tell when
    freed_task: Optional[str] = None
    freed: Optional[Tuple[int, ...]] = None  # of the free, empty where it is not known; None: not freed
    in_flight: bool = False  # its free was the last thing that its task did
    refused: bool = False  # and an assertion followed
    heap: int = 0  # number of the heap that it is of, as the recorder counts them; 0: not known

    @property
    def is_freed(self) -> bool:
        """Whether it is over."""
        return self.freed is not None


@dataclass(frozen=True)
class Imported:
    """Where a trace comes from that is not our recorder's, and how it was kept."""

    source: str
    address: int
    mode: str  # "all": freed blocks stay; "leaks": they do not
    capacity: int
    depth: int  # of its stacks
    overflowed: bool  # older records have been dropped
    frees_told: bool  # whether a record shows that its block was freed


@dataclass(frozen=True)
class TraceInfo:
    """What a trace holds and what it lost."""

    kept: int
    lost: int
    first: Optional[int]
    last: Optional[int]
    running: bool
    address: Optional[int] = None
    state: str = "recording"
    overwritten: int = 0
    dropped: int = 0
    half_written: int = 0
    stopped: int = 0
    filtered: int = 0
    stacks_full: int = 0
    names_full: int = 0
    live_full: int = 0
    imported: Optional[Imported] = None


@dataclass(frozen=True)
class Assertion:
    """The assertion that stopped the target."""

    text: str
    function: str
    seq: Optional[int]


@dataclass(frozen=True)
class Suspect:
    """A block whose owner may have done it, or that was hit."""

    payload: int
    size: int
    state: str  # "used", "freed" or "freeing"
    task: Optional[str]
    seq: Optional[int]
    allocated: Stack
    freed: Optional[Stack]
    why: str
    freed_seq: Optional[int] = None
    freed_task: Optional[str] = None


@dataclass(frozen=True)
class Explanation:
    """One way the damage may have come about, with what speaks for it."""

    kind: str
    payload: Optional[int]
    text: str
    evidence: Tuple[str, ...]


@dataclass(frozen=True)
class Finding:
    """One broken rule. `address` is its first damaged byte."""

    rule: str
    severity: str  # "damage" or "note"
    group: int
    address: int
    length: Optional[int]
    block: Optional[int]
    bytes: str  # hex
    text: str
    suspects: Tuple[Suspect, ...] = ()
    explanations: Tuple[Explanation, ...] = ()
    extent: Optional[Extent] = None


@dataclass(frozen=True)
class Extent:
    """What the damaged bytes look like: a run that goes on beyond the damaged word, or the word alone."""

    start: int
    end: int
    look: str  # "fill", "text", "pointer", "zero", "counter", "other"
    words: str  # the same for people


@dataclass(frozen=True)
class Gap:
    """Memory of a heap in which no block can be proven."""

    start: int
    end: int


@dataclass(frozen=True)
class Resume:
    """Where a walk went on after damage, and what proves that a block is there."""

    payload: int
    why: str


@dataclass(frozen=True)
class HeapReport:
    """One heap as `check` sees it."""

    kind: str
    layout: str
    name: Optional[str]
    address: int
    start: int
    end: int
    status: str  # "clean", "damaged", "unreadable" or "uninitialised"
    poisoning: str
    used_blocks: int
    free_blocks: int
    used_bytes: int
    free_bytes: int
    largest_free: int
    minimum_free: Optional[int]
    findings: Tuple[Finding, ...]
    gaps: Tuple[Gap, ...]
    resumed: Tuple[Resume, ...]
    blocks: Optional[Tuple[Block, ...]]
    missing: int = 0  # bytes of the heap that no image or target gave
    end_known: bool = True  # else the heap goes on behind `end`, nobody knows how far


@dataclass(frozen=True)
class Skipped:
    """A check that could not run, and why."""

    check: str
    why: str


@dataclass(frozen=True)
class Cost:
    """What a report cost the link, and whether it was cut short: `reads` counts requests to the source."""

    bytes: int
    reads: int
    seconds: float
    interrupted: bool = False  # by Ctrl-C: the report is of what had been read, and concludes nothing from the rest


@dataclass(frozen=True)
class CheckReport:
    """The twin of `heap-check`."""

    assertion: Optional[Assertion]
    heaps: Tuple[HeapReport, ...]
    trace: Optional[TraceInfo]
    skipped: Tuple[Skipped, ...]
    cost: Cost


@dataclass(frozen=True)
class Life:
    """A generation with its stacks made readable: one entry of `last`."""

    payload: int
    size: Optional[int]
    task: Optional[str]
    seq: Optional[int]
    allocated: Stack
    freed_seq: Optional[int]
    freed_task: Optional[str]
    freed: Optional[Stack]
    in_flight: bool = False


@dataclass(frozen=True)
class Place:
    """Where an address lies in a heap."""

    payload: int
    raw: int
    size: int
    requested: Optional[int]
    offset: int
    state: str  # "used", "free" or "outside"
    heap: Optional[int]


@dataclass(frozen=True)
class LastReport:
    """The twin of `last-malloc`."""

    address: int
    block: Optional[Place]
    generations: Tuple[Life, ...]
    older: int  # generations that are not listed
    trace: Optional[TraceInfo]
    skipped: Tuple[Skipped, ...]
    cost: Cost


@dataclass(frozen=True)
class Owner:
    """Who allocated a block, as the trace knows."""

    seq: Optional[int]
    task: Optional[str]
    allocated: Stack


@dataclass(frozen=True)
class BlockEntry:
    """One block of `blocks`."""

    heap: int
    payload: int
    raw: int
    size: int
    requested: Optional[int]
    state: str
    owner: Optional[Owner]


@dataclass(frozen=True)
class Scanned:
    """What was scanned for pointers; `amount` counts bytes, of registers their number."""

    kind: str  # "global", "stack", "memory", "register" or "heap"
    name: str
    start: Optional[int]
    end: Optional[int]
    amount: int


@dataclass(frozen=True)
class Unscanned:
    """What should have been scanned for pointers and was not; why is among what was skipped."""

    kind: str  # as of what was scanned
    name: str
    start: Optional[int]
    end: Optional[int]
    amount: Optional[int]  # bytes; None: not known, or no memory


@dataclass(frozen=True)
class Reference:
    """A place that points into a block."""

    kind: str  # "global", "stack", "memory", "register" or "block"
    name: str  # the variable, the register, or the block with an offset
    address: Optional[int]  # of the pointer; a register has none
    value: int
    block: Optional[int]  # payload of the block that the pointer stands in
    owner: Optional[Owner]  # of that block


@dataclass(frozen=True)
class RefsReport:
    """The twin of `heap-refs`: `references` are listed of `total` that were found."""

    address: int
    block: Optional[Place]
    references: Tuple[Reference, ...]
    total: int
    complete: bool  # all that can point at it was scanned
    scanned: Tuple[Scanned, ...]
    unscanned: Tuple[Unscanned, ...]
    trace: Optional[TraceInfo]
    skipped: Tuple[Skipped, ...]
    cost: Cost


@dataclass(frozen=True)
class Leak:
    """A block that nobody points at, or that was not freed."""

    payload: int
    size: int
    requested: Optional[int]
    held_by: Optional[int]  # payload of another lost block that points at it
    owner: Optional[Owner]


@dataclass(frozen=True)
class LeaksReport:
    """The twin of `heap-leaks`: `blocks` are listed of `total`, largest first; none where it was interrupted."""

    kind: str  # "unreachable", "not reached" where not all was scanned, or "not freed"
    since: Optional[str]  # a mark
    blocks: Tuple[Leak, ...]
    total: Optional[int]  # None: interrupted
    bytes: Optional[int]
    complete: bool  # all was read that the list is concluded from
    scanned: Tuple[Scanned, ...]
    unscanned: Tuple[Unscanned, ...]
    trace: Optional[TraceInfo]
    skipped: Tuple[Skipped, ...]
    cost: Cost


@dataclass(frozen=True)
class BlocksTotal:
    """How many blocks the filters let through, and how many bytes they are."""

    blocks: int
    bytes: int


@dataclass(frozen=True)
class BlocksReport:
    """The twin of `heap-blocks`. `shown` blocks are listed of `total`."""

    blocks: Tuple[BlockEntry, ...]
    total: BlocksTotal
    trace: Optional[TraceInfo]
    skipped: Tuple[Skipped, ...]
    cost: Cost


@dataclass(frozen=True)
class HeapTotals:
    """One heap in numbers."""

    kind: str
    layout: str
    name: Optional[str]
    address: int
    start: int
    end: int
    used_blocks: int
    free_blocks: int
    used_bytes: int
    free_bytes: int
    largest_free: int
    minimum_free: Optional[int]
    fragmentation: float  # share of the free bytes that the largest free block does not hold


@dataclass(frozen=True)
class TaskStackUse:
    """The stack of a task of the kernel."""

    task: str
    handle: int  # the task's
    start: int
    size: int
    in_use: Optional[int]  # None: the task runs, and no register tells
    never_used: Optional[int]  # bytes that still hold what the kernel filled the stack with; None: not known


@dataclass(frozen=True)
class FreeReport:
    """The twin of `heap-free`."""

    heaps: Tuple[HeapTotals, ...]
    tasks: Tuple[TaskStackUse, ...]
    trace: Optional[TraceInfo]
    skipped: Tuple[Skipped, ...]
    cost: Cost


@dataclass(frozen=True)
class LogEntry:
    """One event of `log`."""

    seq: int
    kind: str
    payload: int
    size: int
    task: Optional[str]
    core: int
    time: Optional[int]
    stack: Stack


@dataclass(frozen=True)
class LogReport:
    """The twin of `malloc-log`: the newest events that the filters let through, oldest first."""

    events: Tuple[LogEntry, ...]
    matching: int
    trace: Optional[TraceInfo]
    skipped: Tuple[Skipped, ...]
    cost: Cost


@dataclass(frozen=True)
class HeapStatus:
    """A heap that was found, or not recognised, and why."""

    kind: str
    layout: str
    address: int
    start: int
    end: int
    why: str
    origin: str  # what led to it
    name: Optional[str]


@dataclass(frozen=True)
class RingStatus:
    """The ring, if there is one."""

    address: int
    capacity: int
    stacks_used: int
    stacks_size: int
    build_id: str
    pending: Optional[str]
    requests_obeyed: int


@dataclass(frozen=True)
class StatusReport:
    """The twin of `memtrace status`: what was found, what is missing, and how to get it."""

    heaps: Tuple[HeapStatus, ...]
    ring: Optional[RingStatus]
    trace: Optional[TraceInfo]
    facts: Tuple[str, ...]  # of the program and the debugger
    skipped: Tuple[Skipped, ...]
    cost: Cost


@dataclass(frozen=True)
class ControlReport:
    """What `start`, `stop`, `frees-only` or `mark` asked of the recorder."""

    request: str
    name: Optional[str]
    ring: int
    state: str
    text: str


@dataclass(frozen=True)
class WatchedCall:
    """The call of the allocator after which a word is watched."""

    kind: str  # "allocated" or "freed"
    payload: int
    size: Optional[int]
    seq: int  # in the run that was looked at
    count: Optional[int]  # which of the calls with this stack and size; None: not known
    stack: Stack


@dataclass(frozen=True)
class WatchedWrite:
    """The first write to a watched word that is not the allocator's."""

    before: Optional[int]
    after: Optional[int]
    stack: Stack
    thread: Optional[str]


@dataclass(frozen=True)
class WatchReport:
    """The twin of `memtrace watch`: what is watched or waited for, and who has written."""

    state: str  # "off", "waiting" for the call, "watching" the word, "written"
    address: Optional[int]
    length: int
    call: Optional[WatchedCall]
    write: Optional[WatchedWrite]
    owners: Tuple[Life, ...]
    by_allocator: int  # writes of the allocator that were let pass
    by_owner: int  # writes of an owner into its own block that were let pass
    trace: Optional[TraceInfo]
    skipped: Tuple[Skipped, ...]
    cost: Cost


@dataclass(frozen=True)
class SaveReport:
    """What `save` has put into its file."""

    file: str
    bytes: int
    ranges: int
    threads: int
    heaps: int
    trace: Optional[TraceInfo]
    skipped: Tuple[Skipped, ...]
    cost: Cost
