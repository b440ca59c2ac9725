# SPDX-License-Identifier: Apache-2.0
"""The lines that end a report."""

from __future__ import annotations

from gdbext.model.reports.base import Skipped
from gdbext.model.said import said
from gdbext.report.text.closing import skipped_lines


def test_a_check_with_many_reasons_does_not_fill_the_screen() -> None:
    """A heap that leads to a hundred places outside of the known memory has a hundred reasons of one kind."""
    many = [Skipped("memory", said("not-known-memory", start=place, end=place + 4)) for place in range(0, 400, 4)]
    other = Skipped("trace", said("no-ring-symbol"))
    lines = list(skipped_lines((*many, other)))
    assert [line.split(":")[1] for line in lines] == [" memory"] * 5 + [" trace", " memory"]
    assert lines[-1] == "not checked: memory: ... 95 more (--json lists them)"
    assert list(skipped_lines(tuple(many[:5]))) == lines[:5]
