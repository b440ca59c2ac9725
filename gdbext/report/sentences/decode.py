# SPDX-License-Identifier: Apache-2.0
"""What `decode`, `explain` and `monitor` say in the text that they pass on."""

from __future__ import annotations

SENTENCES = {
    "decode-wants-sha": "names need the program: --elf with the ELF file whose SHA-256 begins with {sha}",
    "decode-wants-build": "names need the program: --elf with the ELF file of build-id {build_id}",
    "decode-wants": "names need the program: --elf with the ELF file that the device runs",
    "decode-other-build": "nothing is named: {file} is another build: its SHA-256 begins {has}, the log tells {told}",
    "decode-other-id": "nothing is named: {file} is another build: its build-id is {has}, the log tells {told}",
    "decode-unchecked": "the log does not tell its build: names are right if it is that of {file}",
    "decode-unwound": "backtrace, made from the registers and the stack memory above",
    "decode-scan": "possible callers, from the stack memory above; some may be remains of older calls",
    "console-sizes": "{total:byte}, {free:,} free, never less than {minimum:,}; the largest free block {largest:,}",
    "console-heap": "heap {name} in {memory} memory: {sizes}",
    "console-kind": "{memory} memory in all: {sizes}",
    "console-kind-since": "{memory} memory in all: {sizes}; {change:+,} free since the begin",
    "console-capability": "capability {bits:#x} in all: {sizes}",
    "console-task": "task {name}, number {number}: {state}, priority {priority} of {base}",
    "console-stack": "{task}; stack {low:#x} to {high:#x}, now at {now:#x}, {unused:byte} never used",
    "console-module": "module {name}: {used:byte} in {blocks:block}, at most {peak:,}",
    "console-modules": "all modules: {used:byte} in {blocks:block}; the most of each, added up: {peak:,}",
    "console-entries": "seen to fire: {seen}; never: {never}",
    "console-counts": "{events:event}, {lost:,} lost, the last {ago} ago; {blocks:block} of {size:byte} live; {state}",
    "console-leak": "block {address:#x} of {size:byte}: task {task}, heap {heap}, module {module}, age {age}",
    "console-leaked": "{blocks:block} of {size:byte} in {memory} memory",
    "console-missing": "missing: {blocks:block} and {stacks:stack}; the table of stacks had no room {full:time}",
    "console-no-table": "the recorder has no table of live blocks",
}
