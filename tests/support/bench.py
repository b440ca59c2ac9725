# SPDX-License-Identifier: Apache-2.0
"""What a benchmark hands to `make bench`: rows of what was measured, with the bound that it must keep.

A bound is never a test: time on a shared machine proves nothing, and a failing benchmark is read by a person.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Row:
    """One measured number; `bound` is the most it may be, None where there is none. `note` says how it came about."""

    what: str
    measured: float
    bound: float | None = None
    unit: str = ""
    note: str = ""

    @property
    def kept(self) -> bool:
        """Whether the bound holds."""
        return self.bound is None or self.measured <= self.bound


def number(value: float) -> str:
    """Three significant digits below a hundred, whole and grouped from there."""
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def table(rows: Iterable[Row]) -> str:
    """The rows as a Markdown table: what | measured | bound | note."""
    cells = [("what", "measured", "bound", "note")] + [_cells(row) for row in rows]
    widths = [max(len(row[column]) for row in cells) for column in range(4)]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def median_of(measure: Callable[[], float], times: int = 7) -> float:
    """The median of several measurements."""
    return median(measure() for _ in range(times))


def _cells(row: Row) -> tuple[str, str, str, str]:
    unit = f" {row.unit}" if row.unit else ""
    bound = "" if row.bound is None else f"≤ {number(row.bound)}{unit}"
    return row.what, f"{number(row.measured)}{unit}", bound if row.kept else f"{bound}, OVER", row.note
