# SPDX-License-Identifier: Apache-2.0
"""What the host spends on a block: the walk and all checks, inside GDB, in CPU time of GDB itself."""

from __future__ import annotations

from collections.abc import Iterable

from tests.support import fixtures
from tests.support.bench import Row
from tests.support.gdb import SOURCE, Capture, remote, run_gdb
from tests.support.rsp_stub import stub_of

TIMES = 9


def rows() -> Iterable[Row]:
    """The memory is read by the first command; the median of the later ones is walk, checks and report alone."""
    for case_id in ("a016", "a017"):
        case = fixtures.case(case_id)
        command = Capture(f"heap-check --heap {case.heap.option} --json")
        with stub_of((image.base, image.data) for image in case.images) as stub:
            done = run_gdb([SOURCE, remote(stub.remote), *[command] * TIMES])
        heap = done.json()["heaps"][0]
        blocks = heap["used_blocks"] + heap["free_blocks"]
        spent = sorted(captured.cpu for captured in done.captured[1:])[(TIMES - 1) // 2]
        what = f"walk and all checks, a block ({blocks:,} blocks, {heap['status']})"
        yield Row(what, spent / blocks * 1e6, 10, "us of CPU", f"in GDB, fixture {case_id}")
