# SPDX-License-Identifier: Apache-2.0
"""A firmware asserts, resets by the machine's own reset and starts again: GDB then shows the run that died.

The variant `retained` has its ring in memory that no start-up code clears, names of a heap and of a module, and a tag.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from tests.cli.shell import memtrace
from tests.support import firmware
from tests.support.gdb import Capture
from tests.support.paths import BUILD
from tests.support.scenario import run_scenario

BLOCK = 0x801017F4  # freed twice
ASKED = (
    "memtrace status",
    f"last-malloc {BLOCK:#x} --previous",
    "malloc-log --previous --all",
    "heap-blocks --previous",
    "heap-check --previous",
    "malloc-log --all",
    "heap-check",
)
SAVED = BUILD / "run_before.core"
Report = dict[str, Any]


@cache
def reports() -> list[Report]:
    """The report at the assertion, then what is said after the reset, at the end of the run behind it."""
    captures = [Capture(f"{command} --json") for command in ("malloc-log --all", *ASKED)]
    to_the_next_run = ["continue", "continue"]  # from the assertion to abort, and from there through the reset
    commands = [captures[0], *to_the_next_run, *captures[1:], f"memtrace save {SAVED}"]
    SAVED.unlink(missing_ok=True)
    done = run_scenario("double-free", commands, variant="retained", before=["break scenario_done"])
    return [done.json(position) for position in range(len(captures))]


def test_every_event_outlives_the_reset() -> None:
    at_death, status, _, previous, *_ = reports()
    assert previous["events"] == at_death["events"] and len(previous["events"]) > 1000
    assert previous["events"][-1]["kind"] == "assert"
    trace = previous["trace"]
    assert (trace["past"], trace["run"], trace["state"], trace["running"]) == (True, 1, "frozen", False)
    ring = status["ring"]
    assert (ring["run"], ring["before_facts"]["sentence"]) == (2, "run-before-asserted")
    assert ring["before_facts"]["text"] == "block already marked as free"


def test_a_saved_target_has_both_runs() -> None:
    previous, now = reports()[3], reports()[6]
    for command, kept in ((["log", "--previous"], previous), (["log"], now)):
        said = memtrace(*command, "--all", "--json", str(SAVED), "--elf", str(firmware.build("retained")))
        assert said.status == 0 and said.json()["events"] == kept["events"]


def test_the_owners_are_those_of_the_run_that_died() -> None:
    last = reports()[2]
    assert last["block"] is None and last["generations"][0]["in_flight"]
    second, first = last["generations"][:2]
    assert [frame["function"] for frame in first["freed"][:2]] == ["node_destroy", "connection_close"]
    assert [frame["function"] for frame in second["freed"][:1]] == ["connection_timeout"]
    assert first["allocated"][0]["function"] == "node_create"
    assert (first["task"], first["module"]) == ("main", "double-free")


def test_the_blocks_it_had_not_freed() -> None:
    blocks, check = reports()[4:6]
    assert [(block["size"], block["owner"]["module"]) for block in blocks["blocks"]] == [(96, "double-free")]
    assert check["heaps"] == [] and check["assertion"]["function"] == "tlsf_free"


def test_the_run_behind_it_is_as_any_other() -> None:
    now, check = reports()[6:]
    assert now["trace"]["run"] == 2 and not now["trace"]["past"] and now["trace"]["running"]
    assert {event["kind"] for event in now["events"]} >= {"alloc", "free"}
    assert {event["heap"] for event in now["events"] if event["kind"] == "alloc"} == {"RAM"}
    assert [heap["status"] for heap in check["heaps"]] == ["clean", "clean"] and check["assertion"] is None
