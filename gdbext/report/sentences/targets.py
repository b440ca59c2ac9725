# SPDX-License-Identifier: Apache-2.0
"""What `memtrace status` says of a target's parts: program, link, debugger, core."""

SENTENCES = {
    "no-program": "symbols none: addresses are shown as they are; --elf APP.elf names the program",
    "no-program-loaded": "symbols none: load the program with `file APP.elf`",
    "symbols-of": "symbols {file}",
    "symbols-without-lines": "symbols {file}: no debug information: functions are shown without lines",
    "symbols-damaged": "the symbols of {file} are damaged or too large: addresses are shown without names",
    "debug-information-damaged": (
        "the debug information of {file} is damaged or too large: functions are shown without lines"
    ),
    "symbols-without-lines-compile": (
        "symbols {file} has no debug information: stacks show functions without lines; compile with -g"
    ),
    "symbols-stripped": (
        "symbols {file} has no symbols: heaps and functions are not found by name; load the ELF that was not stripped"
    ),
    "symbols-of-other-build": (
        "{file} is not the program of this log: its build-id is {has}, the log's is {told}: addresses are shown "
        "without names; give the right --elf"
    ),
    "symbols-none-in": (
        "{file} has no symbols: addresses are shown without names; give the ELF that was not stripped, or "
        "--symbols DIR with what was split off it"
    ),
    "symbols-of-nothing": (
        "no address of this log lies in the code of {file}: addresses are shown without names; give the right --elf"
    ),
    "symbols-of-modules": (
        "no file with the right build-id was found for {files}: their addresses are shown as FILE+OFFSET; "
        "--symbols DIR names a folder with these files"
    ),
    "link-to": "link   {whom}",
    "link-fragile": (
        "link   a small stub, as in a chip's panic handler: nothing runs or breaks there; "
        "block headers are read, no more"
    ),
    "stop-at": "stop   automatic breakpoint at {functions}",
    "no-stop-fragile": ("stop   no automatic breakpoint: the stub on the chip takes none, and nothing would run to it"),
    "no-stop-off": "stop   no automatic breakpoint: `set memtrace auto-stop on` sets it",
    "no-stop-function": "stop   no automatic breakpoint: the program has none of {functions}",
    "core-is": "core   {file}: {machine}, {bits} bits, {order}-endian: {parts}",
    "machine-number": "machine {number}",
    "core-memory": "{bytes:size} in {segments:segment}",
    "core-threads": "{threads:thread}",
    "core-saved": "saved by memtrace",
    "dump-without-heaps": "ESP-IDF puts heaps into a core dump only with CONFIG_ESP_COREDUMP_CAPTURE_DRAM",
    "foreign-program": (
        "functions and lines are wrong: {file} is not the program that made this core: give the right --elf"
    ),
    "of-file": "{file}: {why}",
    "operation-unknown": (
        "whether the target stands inside of the allocator is not known over this link: what an unfinished malloc or "
        "free leaves half done looks like damage"
    ),
    "trace-alone": "a trace alone has no memory: what it says of blocks is all that is known of them",
}
