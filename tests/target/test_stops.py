# SPDX-License-Identifier: Apache-2.0
"""The stop at an assertion, however GDB is run, and every stop that is not ours."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.support import firmware
from tests.support.gdb import SOURCE, Capture, GdbSession, remote, run_gdb
from tests.support.qemu import Qemu
from tests.support.rsp_proxy import RspProxy
from tests.support.scenario import run_scenario, talk_to_scenario

HEADLINE = "memtrace: heap assertion in tlsf_free: block already marked as free"


def test_in_batch_the_report_comes_from_the_stop_itself() -> None:
    done = run_scenario("seed", [])
    assert done.stdout.count(HEADLINE) == 1
    assert "DAMAGE 1" in done.stdout


def test_with_commands_piped_in() -> None:
    elf = firmware.build("default")
    with Qemu(elf, append="scenario=seed") as chip:
        lines = [SOURCE, "target " + remote(chip.remote).split(" ", 1)[1], "continue", "kill", "quit"]
        done = run_gdb([], elf=elf, stdin="\n".join(lines) + "\n")
    assert done.stdout.count(HEADLINE) == 1


@pytest.mark.parametrize("tty", [True, False])
def test_in_a_session(tty: bool) -> None:
    with talk_to_scenario("seed", tty=tty) as (gdb, _):
        assert gdb.command("continue").count(HEADLINE) == 1


def test_under_execute_to_string() -> None:
    command = "python text = gdb.execute('continue', to_string=True); print('GOT', 'DAMAGE 1' in text)"
    elf = firmware.build("default")
    with Qemu(elf, append="scenario=seed") as chip:
        done = run_gdb([SOURCE, remote(chip.remote), command], elf=elf)
    assert "GOT True" in done.stdout


def test_with_one_hardware_breakpoint() -> None:
    before = ["set remote hardware-breakpoint-limit 1", "set breakpoint auto-hw on"]
    assert HEADLINE in run_scenario("seed", [], before=before).stdout


def test_off_by_setting() -> None:
    done = run_scenario("seed", ["echo ended\\n"], before=["set memtrace auto-stop off", "break board_exit"])
    assert HEADLINE not in done.stdout
    quiet = run_scenario("seed", [], before=["set memtrace auto-report off"])
    assert "heap-check shows the report" in quiet.stdout
    assert "DAMAGE" not in quiet.stdout


def stop_traffic(source: bool) -> Counter[bytes]:
    """Packets of three stops at a user's breakpoint, without those that set and remove breakpoints.

    GDB itself reads the instruction under each breakpoint that it sets, to see how long it is: not counted for ours.
    """
    elf = firmware.build("default")
    with Qemu(elf, append="scenario=clean") as chip, RspProxy(chip.remote) as proxy, GdbSession(elf=elf) as gdb:
        if source:
            gdb.command(SOURCE)
        gdb.command(remote(proxy.remote))
        hook = int(gdb.command("p/x (unsigned long)&memtrace_assert_stop").split("0x")[1].split()[0], 16)
        gdb.command("break malloc")
        gdb.command("continue")
        proxy.forget()
        for _ in range(3):
            gdb.command("continue")
        seen = Counter(request.data for request in proxy.log if request.kind[0] not in "Zz")
    line = f"m{hook & -64:x},40".encode()
    del seen[line]
    return seen


def test_a_stop_that_is_not_ours_costs_nothing() -> None:
    assert stop_traffic(True) == stop_traffic(False)


def test_a_second_command_at_the_same_stop_costs_nothing() -> None:
    with talk_to_scenario("seed") as (gdb, proxy):
        gdb.command("continue")
        proxy.forget()
        assert "DAMAGE 1" in gdb.command("heap-check")
        gdb.command("heap-blocks")
        gdb.command("last-malloc 0x801017f4")
        assert proxy.count_except() == 0


@pytest.mark.parametrize(("hidden", "taken"), [("", "__assert_func"), ("__assert_func", "abort")])
def test_without_the_hook_the_c_library_s_functions_are_taken(hidden: str, taken: str) -> None:
    """The firmware calls no hook; the second case stands for a C library whose assert has another name."""
    elf = firmware.build("hookless")
    hide = (
        f"m.STOP_FUNCTIONS = tuple(name for name in m.STOP_FUNCTIONS if name != {hidden!r}); f.session().debugger.arm()"
    )
    with Qemu(elf, append="scenario=seed") as chip:
        commands = [
            SOURCE,
            f"python import gdbext.faces.gdb as f, gdbext.target.gdb as m; {hide}",
            remote(chip.remote),
            "continue",
        ]
        done = run_gdb([*commands, Capture("memtrace status")], elf=elf)
    assert done.stdout.count("DAMAGE 1 ") == 1
    assert done.stdout.count("memtrace: heap assertion in tlsf_free: block already marked as free") == 1
    assert f"automatic breakpoint at {taken}" in done.captured[0].output


def test_an_assertion_is_seen_without_the_recorder() -> None:
    """At abort, below the allocator's frames: what is broken is damage, not an operation in progress."""
    asked = "o = gdbext.faces.gdb.session().debugger.operation(); print('OPERATION', o.in_allocator, o.asserted)"
    ask = f"python import gdbext.faces.gdb; {asked}"
    done = run_scenario("seed", [ask], before=["set memtrace auto-stop off", "break abort"])
    assert "OPERATION True True" in done.stdout
    busy = run_scenario("clean", [ask], before=["break tlsf_malloc"])
    assert "OPERATION True False" in busy.stdout
    idle = run_scenario("clean", [ask], before=["break scenario_done"])
    assert "OPERATION False False" in idle.stdout
