# SPDX-License-Identifier: Apache-2.0
"""What a replay makes of a log of any size: who allocated how much, when, and what is left.

Approach: the engine (c_helpers/engine) and its reference (trace/replay.py) both return a Profile, and the same one for
the same log. Memory depends on live blocks, owners and distinct stacks alone; lists that could grow with the log have
bounds, and a count of what they left out.

How a replay counts, for both:

- An allocation of an address that is live replaces its block: that one has ended without a free (`Totals.replaced`).
- A realloc-begin ends the block as a free does, and the realloc-end begins one with the owner of its begin. A
  realloc-end of address 0 undoes its begin. So a reallocation is a free and an allocation. A begin is remembered until
  its end, or until 4,096 newer ones wait; an end without its begin has stack 0.
- A free of an address that is not live is *double* if that address was the newest that was freed in its place of a
  table of 4,096 places (place = the upper 12 bits of (address >> 4) * 0x9E3779B97F4A7C15 mod 2^64), else *interior*
  if it lies in a live block (looked for at the first 64 only), else *unknown*. Unknown ones of a log that has not every
  event from number 0 on, or records that make no sense, may be of blocks that it does not tell of: they count in
  `Totals.older`, not as invalid.
- A block is *temporary* if it is freed before anyone allocates again.
- The global peak is the first moment of the most live bytes. A peak of a node is its own, whenever that was.
- An UNMAP ends, shortens or splits the mapped ranges that it meets. Each range that is left counts as one block; one
  UNMAP that met any is one free. Only ranges of MAP are met by UNMAP, and by no free.
- A LIVE block counts as live, not as an allocation.
- With `since`, blocks that are live at that moment are left out: their frees count in `Totals.older`. With `until`,
  nothing behind that moment counts. An owner that `group` leaves out is treated like those blocks.
- Windows: an end is noted after every W events, W being 64 at first. When 65 have been noted, those of odd numbers
  (the 1st, 3rd ...) are left out, and W doubles. The end of the log is the last end. Ends at marks likewise, W counting
  marks and being 1 at first.
- Timeline: a bucket is W units wide (of time, else events), W being 1 at first, and begins at a multiple of W. When a
  1,025th would be needed, buckets are joined in pairs, and W doubles. A bucket without events is not there.
- At a new run all live blocks are gone, and nothing is freed. Sums go on if all runs are asked for.
"""

from __future__ import annotations

from typing import Mapping, Optional, Tuple

from gdbext.model.record import Record


class Owner(Record):
    """Who allocates: one stack in one task, for one tag and heap. The numbers are the log's."""

    stack: int
    context: int
    tag: int
    heap: int


class Use(Record):
    """What an owner, or a node of a grouping, has used. Bytes are as requested."""

    allocations: int
    bytes: int  # allocated in all
    frees: int
    temporary: int
    lifetime: int  # summed over freed blocks: time units, or events where there is no clock
    live_bytes: int
    live_blocks: int
    peak_bytes: int  # its own
    peak_blocks: int  # its own
    at_peak_bytes: int  # when the global peak was
    at_peak_blocks: int


class Totals(Record):
    """Counts of the whole log."""

    events: int  # allocations, frees, reallocations' two halves, failures, marks, assertions, controls, maps and unmaps
    allocations: int
    frees: int
    bytes_allocated: int
    temporary: int
    failed: int
    double_frees: int
    interior_frees: int
    unknown_frees: int
    older: int  # frees of blocks that are not counted: older than the log or than `since`, or left out
    replaced: int
    live_bytes: int
    live_blocks: int
    peak_bytes: int
    peak_blocks: int  # the most blocks at any time, which need not be the time of `peak_bytes`
    at_peak_blocks: int
    peak_seq: Optional[int]
    peak_time: Optional[int]
    lost: int  # numbers that no event has
    unread: int  # records that make no sense, or for which there was no room
    first_seq: Optional[int]
    last_seq: Optional[int]
    first_time: Optional[int]
    last_time: Optional[int]
    restarts: int = 0  # how often the recorder was off for a while: what lived before is not known from there on


class Bucket(Record):
    """A part of the timeline. No peak is lost: it has the least and the most of what was in it."""

    end: int  # the last moment that it may hold: time, or number of events where there is no clock
    least_bytes: int
    most_bytes: int
    last_bytes: int
    most_blocks: int
    last_blocks: int


class Mark(Record):
    """A mark in the log: its event's number, its time, its name's number."""

    seq: int
    time: Optional[int]
    name: int


class Windows(Record):
    """The live bytes of each owner at the ends of windows. The first end is the beginning."""

    ends: Tuple[Mark, ...]  # name 0: no mark, an equal part of the log
    live: Tuple[Tuple[int, ...], ...]  # a row an owner: live bytes at each end; missing ones at the row's start are 0


class Live(Record):
    """A block that is live at the end."""

    address: int
    size: int
    owner: int  # index into Profile.owners
    seq: Optional[int]  # None: older than the log
    time: Optional[int]
    mapped: bool = False


class Past(Record):
    """One life of the address that was followed: a block that held it."""

    address: int
    size: Optional[int]  # None, and owner -1: allocated before the log
    owner: int
    seq: Optional[int]
    time: Optional[int]
    freed_seq: Optional[int]
    freed_owner: Optional[Owner]  # who freed it; its stack is that of the free


class Oddity(Record):
    """A free that cannot be right, or an allocation of what is live."""

    kind: str  # "double", "interior", "unknown", "replaced"
    seq: int
    address: int
    owner: Owner  # of the event
    block: Optional[int]  # the owner of the block that it is about, where one is known


FORKED = 1  # how a process came to be; 0: by exec


class Process(Record):
    """What a log tells of the process that it is of."""

    parent: int  # its number in the operating system
    how: int  # FORKED: it has its parent's blocks
    own_bytes: int  # memory of the recorder
    command: str  # words separated by NUL


class Profile(Record):
    """What a replay returns."""

    totals: Totals
    owners: Tuple[Owner, ...]
    uses: Tuple[Use, ...]  # of each owner
    nodes: Tuple[Use, ...]  # of each node that `group` named
    stacks: Mapping[int, Tuple[int, ...]]  # PCs as recorded, by number; behind them the end, if not whole
    names: Mapping[int, Tuple[int, str]]  # of contexts, marks and tags: the kind of name, and the name
    heaps: Mapping[int, Tuple[str, int, int]]  # name, kind of memory, capabilities
    modules: Tuple[Tuple[int, str, str], ...]  # load base, build-id, path
    marks: Tuple[Mark, ...]  # the first 4,096
    marks_left: int
    by_mark: Windows  # at most 65 windows
    by_time: Windows  # at most 65 windows of as many events each
    timeline: Tuple[Bucket, ...]  # at most 1,024
    counts: Tuple[int, ...]  # the last COUNTS record's eight numbers, or ()
    failure: Optional[Tuple[int, int, str, str]]  # the last ASSERT: number, line, function, text (empty: not told)
    oddities: Tuple[Oddity, ...]  # the first 64
    runs: int  # in the log
    process: Optional[Process] = None
