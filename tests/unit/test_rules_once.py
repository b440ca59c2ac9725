# SPDX-License-Identifier: Apache-2.0
"""The rules are run once a report, whether a heap's bytes come all at once or piece by piece."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest

from gdbext.analyse.rules import run_rules
from gdbext.commands import check, command_named
from gdbext.commands.parsing import parsed_in_gdb
from gdbext.source.memory import Memory
from gdbext.target.target import Target
from tests.support import fixtures
from tests.unit.slow_world import Link, Slow


@pytest.mark.parametrize("plan", ["bulk", "headers"])
@pytest.mark.parametrize("case", ["a016", "a017"])
def test_each_heap_is_judged_once(case: str, plan: str) -> None:
    one = fixtures.case(case)
    source = Slow([(image.base, image.data) for image in one.images], at=0)
    options = parsed_in_gdb(command_named("check"), ["--heap", one.heap.option])
    with patch.object(check, "run_rules", wraps=run_rules) as judged:
        report: Any = check.COMMAND.run(Target(Link(Memory(source, plan=plan))), options)
    assert [heap.status for heap in report.heaps] == [one.truth.status]
    assert judged.call_count == len(report.heaps)
