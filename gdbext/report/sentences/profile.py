# SPDX-License-Identifier: Apache-2.0
"""What reports over a whole log say: what leaks, what the peak is made of, where fragmentation is, what stays."""

SENTENCES = {
    "site-named": "{function}",
    "site-at": "{function} ({file}:{line})",
    # what leaks
    "leak-grows": "{bytes:byte} more after {windows:window}{each}, from {sites:site} that grew each time: {named}",
    "leak-each": ", {bytes:byte} from mark to mark",
    "leak-none": "nothing: whatever was allocated was freed, {blocks:block}",
    "leak-nothing": "nothing was allocated",
    "leak-none-listed": "no live block is listed",
    "leak-held": "{bytes:byte} in {blocks:block} are live at the end, most by {named}",
    "leak-held-bytes": "{bytes:byte} are live at the end, most by {named}",
    "leak-untold": "{held}; whether they leak, growth between three marks or over a longer log would tell",
    "leak-not-growing": "{held}; no site grew in each of {windows:window}{once}",
    "leak-once": "; {bytes:byte} of it grew once and stayed",
    # what the peak is made of
    "peak-made-of": "{bytes:byte}{at}: {parts}{rest}",
    "peak-at": " at seq {seq}",
    "peak-part": "{percent} % ({bytes:,}) by {site}",
    "peak-rest": ", and {sites:more site}",
    "peak-untold": "the log has no peak: it lists what was live when it was written",
    "peak-none": "nothing was live at any time",
    # where fragmentation is
    "fragmentation-holes": (
        "{holes:hole} of {bytes:byte} in all between live blocks, the largest {largest:,}; {live:byte} of blocks lie "
        "over {span:,}{pinned}{failed}; a log has no free lists: heap-free on a target tells what of it is free"
    ),
    "fragmentation-pinned": "; {bytes:byte} would be one hole without a block of {site}",
    "fragmentation-untold": (
        "no holes between live blocks of the log{failed}; it has no free lists: heap-free on a target tells"
    ),
    "fragmentation-no-addresses": "the log has no addresses of blocks",
    "fragmentation-too-many": "not looked for among so many live blocks{failed}",
    "fragmentation-failed": "; {failed:allocation} failed",
    # what a stack looks like
    "cause-shared-ptr": (
        "a shared_ptr's control block or what it holds: objects that hold each other are never freed (by {function})"
    ),
    "cause-function": "a callback in a std::function: what it captured stays while it is registered (by {function})",
    "cause-mutex": "a mutex or the like inside of a std or pthread type, made at its first use (by {function})",
    "cause-printf": "a buffer of printf, made at its first use by each task and kept (by {function})",
    "cause-ends-early": (
        "a stack that ends in {function}: its caller was built without frame pointers, as the libraries of Wi-Fi and "
        "Bluetooth are, or the recorder's depth is 1"
    ),
    "cause-locale": "a locale, made at its first use and kept (by {function})",
    # what reports cannot tell
    "profile-lost": (
        "{lost:event} are missing from the log: sums are too small, and blocks whose free is missing look live"
    ),
    "profile-no-names": "no symbols: places are addresses, and paths name them in this build alone; give --elf APP.elf",
    "profile-restarted": "the recorder was off {times:time}: what was allocated before the last of them is not told",
    "profile-inherited": "not counted: {older:free} of blocks that it had from the process that it was forked from",
    "profile-older": "not counted: {older:free} of blocks that are older, or left out",
    "profile-empty": "nothing is listed: no allocation was recorded",
    "diff-same": "nothing has changed: every path holds as much as before",
}
