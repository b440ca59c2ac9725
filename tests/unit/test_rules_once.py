# SPDX-License-Identifier: Apache-2.0
"""The rules are run once a report, whether a heap's bytes come all at once or piece by piece."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest

from gdbext.analyse.rules import run_rules
from gdbext.commands import check, command_named, view
from gdbext.commands.command import Command
from gdbext.commands.parsing import parsed_in_gdb
from gdbext.source.memory import Memory
from gdbext.target.target import Target
from tests.support import fixtures
from tests.unit.slow_world import Link, Slow


@pytest.mark.parametrize("plan", ["bulk", "headers"])
@pytest.mark.parametrize("case", ["a016", "a017"])
def test_each_heap_is_judged_once(case: str, plan: str) -> None:
    report, judged = judging("check", case, plan)
    assert [heap.status for heap in report.heaps] == [fixtures.case(case).truth.status]
    assert judged == len(report.heaps)


@pytest.mark.parametrize("plan", ["bulk", "headers"])
@pytest.mark.parametrize("case", ["a016", "a017"])
def test_a_view_of_a_heap_judges_it_once(case: str, plan: str) -> None:
    report, judged = judging("view", case, plan, hex(fixtures.case(case).truth.blocks[3].payload))
    assert report.blocks and judged == 1


def judging(name: str, case: str, plan: str, *words: str) -> tuple[Any, int]:
    """What a command reports of a case, and how many times it ran the rules of a heap."""
    one = fixtures.case(case)
    source = Slow([(image.base, image.data) for image in one.images], at=0)
    command: Command = command_named(name)
    options = parsed_in_gdb(command, [*words, "--heap", one.heap.option])
    with (
        patch.object(check, "run_rules", wraps=run_rules) as judged,
        patch.object(view, "run_rules", wraps=run_rules, create=True) as judged_to_view,
    ):
        report = command.run(Target(Link(Memory(source, plan=plan))), options)
    return report, judged.call_count + judged_to_view.call_count
