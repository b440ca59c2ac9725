# SPDX-License-Identifier: Apache-2.0
"""Sourced into GDB by test_stepping.py: some instructions, one `heap-check`, until `step_end`."""

from __future__ import annotations

import json
from collections import Counter

import gdb

LIMIT = 20_000


def check_on_the_way(path: str, stride: int) -> None:
    """Steps from here to step_end; writes how often each verdict came, and the first report with damage."""
    gdb.execute("break step_end", to_string=True)  # no stride goes past it
    end = int(gdb.parse_and_eval("(unsigned long)&step_end"))
    verdicts: Counter[str] = Counter()
    rules: Counter[str] = Counter()
    bad = None
    for number in range(1, LIMIT):
        # Not `stepi STRIDE`: GDB 16 stops on an assertion of its own ("stashed") where a call0 frame ends within it.
        gdb.execute("stepi", to_string=True)
        at_end = int(gdb.parse_and_eval("(unsigned long)$pc")) == end
        if number % stride and not at_end:
            continue
        text = gdb.execute("heap-check --json", to_string=True)
        # GDB itself warns in front, once in a session, where it finds no caller at an instruction of a prologue.
        report = json.loads(text[text.index("{") :])
        verdicts[report["heaps"][0]["status"]] += 1
        rules.update(f"{found['severity']}:{found['rule']}" for found in report["heaps"][0]["findings"])
        if bad is None and report["heaps"][0]["status"] != "clean":
            bad = {"pc": hex(int(gdb.parse_and_eval("$pc"))), "where": gdb.newest_frame().name(), **report["heaps"][0]}
        if at_end:
            break
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"verdicts": verdicts, "rules": rules, "bad": bad}, file)
