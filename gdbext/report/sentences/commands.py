# SPDX-License-Identifier: Apache-2.0
"""What commands say of what they found, and could not collect."""

SENTENCES = {
    # the trace
    "no-ring": "no ring at {place:#x}: {why}",
    "heaps-of-this-run": "the run before is over, and the heaps that are here now are not its heaps",
    "run-before": "run {run} is kept, too: {events:event}, {state} when it ended; --previous reads it",
    "run-before-asserted": "run {run} is kept, too: it ended in {function}: {text}; --previous reads it",
    "no-run-kept": "the run before cannot be read: {why}",
    "no-ring-symbol": "no symbol memtrace_ring: link the recorder, or name the ring with --ring",
    "no-ring-found": "no ring was found by its magic; has memtrace_init run? name it with --ring",
    "no-ring-between": "no ring between {start:#x} and {end:#x}: has memtrace_init run? is the ring in there?",
    "ring-not-started": "the ring has not been started yet: memtrace_init has not run",
    "ring-pointer-unread": "the pointer memtrace_ring at {place:#x} cannot be read",
    "first-ring": "{rings:ring} were found, this is the first: {places} (--ring)",
    "newest-ring": "{rings:ring} were found: this is the newest, at {place:#x}; --ring for {others}",
    "ring-elsewhere": "a ring lies at {place:#x} that says it lies at {told:#x}: is the image's BASE right?",
    "wrong-program": (
        "functions and lines are wrong: the program loaded here is not the program that recorded: load the right ELF "
        "with `file`"
    ),
    "of-source": "{source}: {why}",
    "records-untyped": (
        "its records are here, but only debug information tells how they are laid out: "
        "load an ELF that was built with -g"
    ),
    "records-not-linked": "it is linked and keeps no records: it is off, or sends them to a host",
    "of-task-stats": "ESP-IDF's task_stats: {why}",
    "frees-not-listed": (
        "the records do not say when a block was freed, so that frees are not listed; last-malloc ADDRESS shows them"
    ),
    "asked-recorder": "asked: {what}; the recorder ({state} now) obeys at its next event",
    "process-obeyed": "{what}: {process} has done so; its log is {log}",
    "process-asked": (
        "asked: {what}; {process} has not allocated for {seconds} s, and obeys when it does; its log is {log}"
    ),
    # heaps
    "no-heap": "no heap found: {why}; {advice}",
    "nothing-leads": "no symbol leads to one, and nothing that was searched looks like one",
    "search-heap": "search memory with --search START,END, or name one with --heap KIND@ADDRESS",
    "name-heap": "or name one with --heap KIND@ADDRESS",
    "base-wrong": (
        "BASE is wrong by {bytes:byte}: the pointers in what was given at {place:#x} say that it belongs at {right:#x}"
    ),
    "without-program": "no program tells where heaps are: name it with --elf APP.elf",
    "without-program-in-gdb": "no program is loaded: `file APP.elf`",
    "with-foreign-program": "the program is not the one that runs: memory holds other code; give the right ELF",
    "with-stripped-program": "the program has no symbols: give the ELF that was not stripped",
    "allocator-unknown": "this program uses {allocator}, which memtrace does not know yet",
    "as-saved": "{why}",
    "hole-unread": "{bytes:byte} at {place:#x} could not be read",
    "more-holes-unread": "{bytes:byte} more at {places:place} could not be read",
    "no-block-proven": "no block could be proven in {start:#x}..{end:#x}",
    "no-totals": "its reading was interrupted: no totals",
    # the command to type next
    "next-last": "memtrace last {address:#x}",
    "next-refs": "memtrace refs {address:#x}",
    "next-stacks": "memtrace free",
    "next-status": "memtrace status",
    "next-watch": "memtrace watch last-damage",
    "next-leaks": "memtrace leaks",
    "next-report": "memtrace report --{section}",
    "allocator-asserted": "the allocator has asserted",
    "next-view": "memtrace view {address:#x}",
    "next-blocks": "memtrace blocks --state used --address {start:#x}:{end:#x}",
    "next-used": "memtrace blocks --state used",
    "next-failed": "memtrace log --kind alloc-failed",
    # why an allocation fails
    "request-fits": "{size:byte} can be had now: heap {heap:#x} has a free block of {largest:byte}",
    "request-scattered": (
        "{size:byte} do not fit: of {free:byte} free in {heaps:heap} no free block has the {needed:byte} that it "
        "takes, the largest has {largest:byte}; freeing {blocks:block}, {whose}, would give {room:byte}"
    ),
    "pin-of": "allocated {by}",
    "pins-of-all": "all allocated {by}",
    "pins-of-most": "the largest share of them allocated {by}",
    "request-apart": (
        "{size:byte} do not fit: of {free:byte} free in {heaps:heap} no free block has the {needed:byte} that it "
        "takes, the largest has {largest:byte}; no group of at most {most} neighbouring blocks was found whose free "
        "would make room; the largest share is held {by}"
    ),
    "request-full": (
        "{size:byte} do not fit: memory has run out, {free:byte} are free in {heaps:heap}; "
        "the largest share is held {by}"
    ),
    "request-large": "{size:byte} do not fit: {heaps:heap} may serve it, of {whole:byte} in all; is the size right?",
    "request-no-heap": "{size:byte} cannot be had: no heap has the capabilities {caps}",
    "free-for-malloc": (
        "of {all:byte} free, malloc can have {free:byte}, at most {most:,} in one request (its largest free block has "
        "{largest:byte}); the rest is for requests with other capabilities"
    ),
    "by-site": "by {site}",
    "by-unknown": "by owners that are not recorded",
    "room-lacks": "it lacks {caps}",
    "room-unknown": "what is free in it is not known: only used blocks are here",
    "room-fits": "its largest free block, {largest:byte}, is enough: {needed:,} are needed",
    "room-missed": (
        "its largest free block, {largest:byte}, would hold it, but is not found: "
        "the search begins at lists of {needed:byte}"
    ),
    "room-small": "its largest free block has {largest:byte}, {needed:,} are needed",
    # lists that are empty
    "no-events": "nothing is listed: no event was found",
    "listing-has-no-events": "the log lists {blocks:block} and no events: memtrace blocks and report show them",
    "nothing-passes": "nothing is listed: none of {entries} passes {filters: }",
    "last-events-alone": "only the last {events:event} of the log that pass the other filters were looked at",
    "events-in-trace": "the {events:event} in the trace",
    "blocks-found": "the {blocks:block} that were found",
    "no-blocks": "nothing is listed: no block was found",
    "no-such-task": "no task {task} is known here; known: {known}{more}",
    "no-task-named": "no task is known here by its name",
    # what is scanned for pointers, or saved
    "no-registers": "there are no registers here: what only they lead to is not seen",
    "no-globals": "no program, no globals: load it with `file APP.elf`, or name memory: --scan",
    "memory-at": "{name} at {start:#x}..{end:#x}",
    "not-in-files": "{where} is not in the files",
    "root-unread": "{where} could not be read",
    "root-partly-unread": "{bytes:byte} of {where} could not be read",
    "root-too-large": "{name} {start:#x}..{end:#x} is larger than {most:size}: name what matters of it with --scan",
    "gap-not-scanned": "no block could be proven in {start:#x}..{end:#x}: what points from there is not seen",
    "section-too-large": "{start:#x}..{end:#x} is larger than {most:size}: only heaps and ring of it are kept",
    "first-references": "only the first {most:,} places that hold it are listed",
    # tasks
    "stack-cannot-be": "the stack of {task} cannot be what its control block at {place:#x} says",
    "owners-known": "tasks  ESP-IDF's task_stats names the owners of {blocks:block}: {tasks}",
    "kernel-tasks": "tasks  {count:,} of {kernel}, {sure}: {tasks}{more}",
    "lists-whole": "by lists that are whole",
    "lists-broken": "and perhaps more",
    "more-tasks": " ... {left:,} more",
}
