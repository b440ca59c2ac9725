# SPDX-License-Identifier: Apache-2.0
"""`make bench`: run every tests/bench/bench_*.py and print one table. A name as argument runs those that contain it.

Each module has `rows() -> Iterable[Row]` (tests/support/bench.py). A bound that does not hold is marked OVER; only a
benchmark that could not run makes the exit status 1.
"""

from __future__ import annotations

import importlib
import sys
import traceback
from pathlib import Path

from tests.support.bench import Row, table


def modules(wanted: str) -> list[str]:
    """The names of the benchmark modules whose name contains `wanted`."""
    return sorted(path.stem for path in Path(__file__).parent.glob("bench_*.py") if wanted in path.stem)


def main(arguments: list[str]) -> int:
    """Measure and print."""
    rows: list[Row] = []
    failed = []
    for name in modules(arguments[0] if arguments else ""):
        print(f"{name} ...", file=sys.stderr)
        try:
            rows.extend(importlib.import_module(f"tests.bench.{name}").rows())
        except Exception:
            traceback.print_exc()
            failed.append(name)
    print(table(rows))
    if failed:
        print(f"could not run: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
