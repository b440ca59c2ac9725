# SPDX-License-Identifier: Apache-2.0
"""What memtrace says of traces that cannot be read, or cannot prove all: a reader or an importer adds its own here."""

_RING = {
    "header-unreadable": "its header cannot be read",
    "header-short": "shorter than a header",
    "no-magic": "no magic: the ring has not been started (call memtrace_init), or this is another address",
    "byte-order": "byte order {stored} is neither little (1) nor big (2)",
    "format-version": "format version {stored}; this memtrace reads version {known}",
    "ring-copy": "its header says that it lies at {home:#x}: a copy",
    "event-size": "pointers of {pointer:byte} with events of {event:byte}",
    "header-size": "a header of {stored:byte}, of which there must be {least:,}",
    "features-unknown": "it needs features {bits:#x} that this memtrace does not know: update memtrace",
    "field-widths": "the widths of the event's fields do not fill its words",
    "table-entries": "the table of {table} has entries of {entry:byte}",
    "table-outside": "the table of {table} lies outside the ring",
    "total-size": "a ring of {total:byte} has tables of {tables:byte}",
    "none-kept-before": (
        "the ring at {place:#x} keeps no run before it: start the recorder with memtrace_init_retained, "
        "in memory that outlives a reset"
    ),
    "run-before-elsewhere": "the run before would lie at {place:#x}, which is not beside this ring",
    "usage-unread": "the counters of modules at {place:#x} cannot be read",
    "ring-capacity": "room for {events:event}",
}
_LOG = {
    "log-unread": "the log has {records:record} that memtrace cannot read",
    "log-unread-lines": "these lines make no sense: {lines}{more}",
    "log-lost": "the log lacks {events:event}: who frees and who keeps what is told as far as it has them",
    "no-log": "this is a ring in a file, not a log: give it with --image BASE=FILE",
    "regions-unsorted": "its regions are not in order, and only a plain file can be sorted: unpack it into one",
    "streams-many": "more than {most:,} streams: this is no log of memtrace's",
}
_LACKS = {
    "lacks-addresses": "the log has no addresses of blocks: who has or had one cannot be told",
    "lacks-calls": "the log lists what was live: what was allocated and freed before is not in it",
    "lacks-peak": "the log has no peak",
    "lacks-counts": "the log does not count blocks",
    "lacks-stacks": "the log does not tell who allocated: its blocks have no stacks",
    "lacks-free-stacks": "the log does not tell who freed: frees have no stacks",
    "lacks-tasks": "the log does not tell which task or thread it was",
    "lacks-times": "the log has no times: its own order of events stands for them",
    "lacks-wrong-frees": "the log does not tell wrong frees",
    "lacks-maps": (
        "the log does not tell where its process had loaded its files: give --maps FILE, the text of its /proc/PID/maps"
    ),
    "lacks-events": "the log has sums, not calls: what was short-lived, failed or freed wrongly is not in it",
    "sums-unlikely": "the sums do not fit each other: more is said to have been live than there was at the peak",
    "lacks-own-peaks": "of a site's own peak the log tells what it shows of it: there may have been more in between",
}
_LISTINGS = {
    "listing-none": "no listing of blocks is in this text",
    "listing-several": "{listings:listing}; this is the last one, and marks #1, #2 ... stand where each of them was",
    "listing-left-out": "{listings:listing} cut off and left out",
    "listing-cut": "the listing ends early: it was cut off there",
    "listing-differs": "it sums up {own_blocks:block} of {own_size:byte}, and {blocks:block} of {size:byte} were read",
    "listing-twice": "{blocks:block} with the address of one before: that one counts as freed",
}
_IDF_HEAP_TRACE = {
    "variable-unread": "its variable at {place:#x} cannot be read",
    "record-unknown": "its records are of a kind that is not known",
    "no-buffer": "it has no buffer: heap_trace_init_standalone has not run",
    "record-numbers": "its numbers cannot be: {count:,} of {capacity:record} at {buffer:#x}",
    "record-buffer": "its numbers cannot be: a buffer of {capacity:record} at {buffer:#x}",
    "buffer-outside": (
        "its buffer at {start:#x} lies outside of the memory that is known here; "
        "if it is there: set memtrace memory {start:#x},{end:#x}"
    ),
    "record-mode": "its mode is {mode}, which is not known",
    "records-broken": "the list of records breaks off at {place:#x}: the order of {known:record} is known",
    "records-unread": "the list of records breaks off where it cannot be read: the order of {known:record} is known",
    "records-lost": "{lost:,} of {records:record} cannot be read, or make no sense",
    "records-mixed": (
        "several records each of {addresses:address}: "
        "this hash table notes a free in the oldest one, so memtrace leaves out who freed them"
    ),
    "records-overflowed": "its buffer was full and older records are gone, so a block without a record tells nothing",
    "tracing-off": "its tracing is off: what was allocated or freed since then is not in the records",
    "tracing-paused": "allocations are paused: what was allocated since then is not in the records",
    "records-without-stacks": (
        "its records have no stacks: CONFIG_HEAP_TRACING_STACK_DEPTH is 0, as it is on RISC-V without frame pointers"
    ),
    "records-without-frees": "its records do not tell which blocks were freed: in this mode only stacks would",
}
_ZEPHYR_HEAPTRACE = {
    "heaptrace-full": (
        "its table of {records:record} is full, so a block without a record tells nothing; "
        "raise CONFIG_HEAPTRACE_MAX_RECORDS"
    ),
    "heaptrace-filtered": "a filter is on: blocks of other threads or cores are not in the records",
}
_IDF_TASK_STATS = {
    "owner-list-broken": "one of its lists breaks off at {place:#x}",
    "owner-node-unread": "a node of its lists at {place:#x} cannot be read",
}
SENTENCES = {**_RING, **_LOG, **_LACKS, **_LISTINGS, **_IDF_HEAP_TRACE, **_ZEPHYR_HEAPTRACE, **_IDF_TASK_STATS}
