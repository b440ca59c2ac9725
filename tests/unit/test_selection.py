# SPDX-License-Identifier: Apache-2.0
"""What is quick and what is long: every name stands for a test, every heap image and every rule is in the quick set."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections import Counter
from functools import cache

import pytest

from gdbext.analyse.rules_trace import TRACE_RULES
from gdbext.heap.registry import allocators
from tests.support import firmware
from tests.support.barred import NotQuickError
from tests.support.fixtures import load_cases
from tests.support.paths import ROOT
from tests.support.selection import LONG, NOT_QUICK, QUICK, is_long, is_quick

TRUTH = "tests/image/test_heaps.py::test_report_is_as_the_truth_says"
RULES = "tests/image/test_rules.py::test_the_rule_fires"


@cache
def collected(chosen: str) -> tuple[str, ...]:
    """The node ids that pytest chooses with `-m`."""
    line = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "-m", chosen]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return tuple(name for name in done.stdout.splitlines() if "::" in name)


def parameters(test: str, nodes: tuple[str, ...]) -> list[str]:
    """What stands in brackets behind a test's name."""
    return [node[len(test) + 1 : -1] for node in nodes if node.startswith(f"{test}[")]


def test_collected_quick_tests_have_every_heap_image() -> None:
    shown = {name.split("-")[0] for name in parameters(TRUTH, collected("quick"))}
    assert shown == {case.id for case in load_cases()}


def test_collected_quick_tests_have_every_rule() -> None:
    """test_rules.py has a proof for each, or fails."""
    proven = [name.split()[1] for name in parameters(RULES, collected("quick"))]
    distinct = {rule for allocator in allocators() for rule in allocator.rules}
    assert Counter(rule.id for rule in (*distinct, *TRACE_RULES)) <= Counter(proven)
    assert len(distinct) > 30


def test_collected_are_the_quick_ones_and_no_others() -> None:
    """Files that pytest does not look into for `-m quick` hold none."""
    everything = collected("quick or not quick")
    assert set(collected("quick")) == set(filter(is_quick, everything))
    assert [node for node in everything if is_quick(node) and is_long(node)] == []


def test_collected_tests_bear_every_name() -> None:
    nodes = [node.removeprefix("tests/") for node in collected("quick or not quick")]
    assert [name for name in (*QUICK, *NOT_QUICK) if not any(node.startswith(name) for node in nodes)] == []
    assert [name for name in LONG if not any(re.fullmatch(name, node) for node in nodes)] == []


def test_collected_tests_keep_something_of_each_long_one() -> None:
    everything = collected("quick or not quick")
    kept = {node.partition("[")[0] for node in everything if not is_long(node)}
    assert [node for node in everything if is_long(node) and node.partition("[")[0] not in kept] == []


@pytest.mark.parametrize(
    ("target", "chosen"), [("test", '-m "not long"'), ("test-quick", "-m quick"), ("test-long", "-m long")]
)
def test_make_chooses_by_the_markers(target: str, chosen: str) -> None:
    rules = (ROOT / "Makefile").read_text().split("\n\n")
    (rule,) = [rule for rule in rules if rule.startswith(f"{target}: ")]
    assert rule.splitlines()[1].split("pytest ")[1] == f"-n $(JOBS) {chosen} $(ARGS)"


def test_a_quick_test_gets_no_chip() -> None:
    """This one is quick."""
    with pytest.raises(NotQuickError, match="test_a_quick_test_gets_no_chip"):
        firmware.build(firmware.DEFAULT)
    for name in ("riscv64-unknown-elf-gcc", "qemu-system-riscv32"):
        done = subprocess.run([name, "--version"], capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (97, "")
        assert done.stderr == f"{name}: no quick test may use it, says tests/support/selection.py\n"
    assert subprocess.run(["gdb-multiarch", "--version"], capture_output=True).returncode == 0
    assert shutil.which("gcc")
