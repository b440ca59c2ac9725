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
}
