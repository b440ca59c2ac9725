# SPDX-License-Identifier: Apache-2.0
"""What memtrace says of memory and files that could not be read in full."""

SENTENCES = {
    "interrupted": "interrupted: what was not read is not judged; the same command again reads on",
    "not-known-memory": (
        "{start:#x}..{end:#x} lies outside of the memory that is known here and was not read; "
        "if it is there: set memtrace memory {start:#x},{end:#x} (in the shell: --memory {start:#x},{end:#x})"
    ),
    "core-segments-cut": "the core is cut off: {left:,} of its {all:segment} are not listed",
    "core-memory-cut": "the core is cut off: {left:byte} of memory that it lists are not in the file",
    "core-memory-shared": (
        "the segments of the core take the same bytes of the file again and again: {left:byte} of memory beyond four "
        "times the {file:byte} of the file were left out"
    ),
    "core-overlap": (
        "segments of the core hold different bytes at the same addresses, first at {place:#x}: the one from {one:#x} "
        "on counts, not the one from {other:#x} on"
    ),
    "core-overlap-not-compared": (
        "segments of the core overlap so much that they were not all compared: those that begin first count"
    ),
    "file-search-cut": (
        "only the first {most:size} of the file were searched, and {left:byte} were not: name heaps with --heap, "
        "a ring with --ring"
    ),
    "gzip-cut": "the gzip file is cut off: only its first {read:byte} could be read",
    "gzip-damaged": "the gzip file is damaged: only its first {read:byte} could be read",
    "zstd-cut": "the zstd file is cut off: only its first {read:byte} could be read",
    "zstd-damaged": "the zstd file is damaged: only its first {read:byte} could be read",
    "zstd-missing": "it is packed with zstd, which needs the Python package zstandard: pip install zstandard",
    "dump-header": "the header in front of the core dump is damaged: it was not used",
    "dump-cut": "the core dump is cut off: {there:,} of {all:byte} are there",
    "dump-checksum": "the checksum of the core dump is wrong: some of its bytes were changed or lost",
    "dump-last": "the log holds {dumps:core dump}: this is the last",
    "flash-torn": "the flash has {writes:write} that cannot be read: cut short by a reset, or damaged since",
    "uart-lost": "the serial line broke {broken:frame}, and {lost:byte} of the log did not come",
}
