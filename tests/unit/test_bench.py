# SPDX-License-Identifier: Apache-2.0
"""The table of `make bench`."""

from __future__ import annotations

from tests.support.bench import Row, table


def test_table_marks_what_is_over_its_bound() -> None:
    rows = [Row("a", 0.1234, 0.15, "s"), Row("bytes", 4096, 2048, note="why"), Row("free", 1)]
    assert table(rows).splitlines() == [
        "| what  | measured | bound         | note |",
        "|-------|----------|---------------|------|",
        "| a     | 0.123 s  | ≤ 0.15 s      |      |",
        "| bytes | 4,096    | ≤ 2,048, OVER | why  |",
        "| free  | 1        |               |      |",
    ]
