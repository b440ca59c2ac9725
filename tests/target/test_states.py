# SPDX-License-Identifier: Apache-2.0
"""The states that a session gets into, and what each says: one line that helps, no finding, nothing lost."""

from __future__ import annotations

import re

import pytest

from gdbext.commands import NAMES
from gdbext.target.settings import SETTINGS, Declared
from tests.support import firmware
from tests.support.gdb import PROMPT, SOURCE, Capture, GdbSession, remote, run_gdb
from tests.support.qemu import Qemu
from tests.support.rsp_proxy import RspProxy
from tests.support.scenario import run_scenario, talk_to_scenario

HEADLINE = "memtrace: heap assertion in"


def test_commands_while_the_target_runs() -> None:
    elf = firmware.build("default")
    with Qemu(elf, append="scenario=smp pairs=100000000", smp=2) as chip, GdbSession(elf=elf) as gdb:
        gdb.command(SOURCE)
        gdb.command(remote(chip.remote))
        gdb.send("continue &\n")
        gdb.expect(r"\(gdb\) ")
        said = gdb.command("heap-check")
        assert "memtrace: the target is running: stop it first (Ctrl-C or `interrupt`)" in said
        gdb.send("interrupt\n")
        gdb.expect("SIGINT|Interrupt|stopped")
        assert "Traceback" not in gdb.transcript


def test_a_second_inferior_has_no_target_and_the_first_keeps_its_own() -> None:
    with talk_to_scenario("seed") as (gdb, proxy):
        gdb.command("continue")
        gdb.command("add-inferior")
        gdb.command("inferior 2")
        assert "memtrace: no target: connect first" in gdb.command("heap-check")
        gdb.command("inferior 1")
        proxy.forget()
        assert "DAMAGE 1" in gdb.command("heap-check")


def test_one_assertion_one_report_however_often_it_stops_there() -> None:
    with talk_to_scenario("seed") as (gdb, _):
        assert gdb.command("continue").count(HEADLINE) == 1
        again = gdb.command("jump memtrace_assert_stop")
        assert "memtrace: the same assertion as before; heap-check shows its report again" in again
        assert HEADLINE not in again
        gdb.command("set confirm off")
        gdb.command("stepi")
        assert gdb.command("jump *memtrace_assert_stop").count(HEADLINE) == 1, "after another stop it is news"


def test_the_one_breakpoint_can_be_a_hardware_one() -> None:
    """Code in read-only memory takes a hardware unit; the chip has one."""
    flash = ["mem 0x80000000 0x80080000 ro", "mem 0x80080000 0x81000000 rw", "set remote hardware-breakpoint-limit 1"]
    elf = firmware.build("default")
    with Qemu(elf, append="scenario=seed") as chip, RspProxy(chip.remote) as proxy:
        done = run_gdb([SOURCE, remote(proxy.remote), *flash, "continue"], elf=elf)
        assert proxy.count("Z1") >= 1
        assert proxy.count("Z0") == 0
    assert done.stdout.count(HEADLINE) == 1


@pytest.mark.parametrize(
    ("read", "cost"),
    [
        (0.001, "searching 65,536 bytes"),
        (0.5, r"reading [\d,]+ bytes takes about \d s \(Ctrl-C keeps what is there\)"),
    ],
)
def test_a_ring_is_searched_and_the_cost_said_first_and_once(read: float, cost: str) -> None:
    command = "malloc-log --search 0x80200000,0x80210000 --limit 1"
    clock = f"python import itertools, time; time.monotonic = itertools.count(0, {read}).__next__"
    done = run_scenario("seed", [Capture(command), Capture("malloc-log --limit 1")], before=[clock])
    found, direct = (captured.output for captured in done.captured)
    progress = (" left", " bytes read")
    said = [line for line in found.splitlines() if line.startswith("memtrace: ") and not line.endswith(progress)]
    assert len(said) == 1 and re.fullmatch(f"memtrace: {cost}", said[0]), found
    shown = [line for line in found.splitlines() if not line.startswith("memtrace: ")]
    assert direct.splitlines()[:2] == shown[:2]
    missing = run_scenario("seed", [Capture("malloc-log --search 0x80080000,0x80081000")]).captured[0]
    assert (missing.error or "").startswith("memtrace: no ring between 0x80080000 and 0x80081000")


def test_a_ring_pointer_to_nowhere_is_not_followed() -> None:
    """QEMU would answer with ff, a chip with a fault: registers are no memory."""
    elf = firmware.build("default")
    with Qemu(elf, append="scenario=seed") as chip, RspProxy(chip.remote) as proxy:
        spoil = "set var *(unsigned *)&memtrace_ring = 0x10000000"
        done = run_gdb([SOURCE, remote(proxy.remote), "continue", spoil, Capture("malloc-log")], elf=elf)
        reads = [request.span for request in proxy.log if request.kind == "m"]
    assert [span for span in reads if 0x10000000 <= span.start < 0x20000000] == []
    assert "set memtrace memory 0x10000000,0x100001a0" in done.captured[0].output


def test_more_memory_can_be_named() -> None:
    done = run_scenario(
        "clean",
        ["set memtrace memory here", Capture("show memtrace memory"), "set memtrace memory 0x10000000,0x10000100",
         Capture("show memtrace memory"), Capture("heap-check")],
        before=["break scenario_done"],
    )  # fmt: skip
    assert "memtrace: here: give START,END with START below END" in done.stderr
    assert done.captured[0].output.endswith(": nothing.\n")
    assert done.captured[1].output.endswith("0x10000000,0x10000100.\n")
    assert "; clean" in done.captured[2].output


def test_a_bug_of_ours_is_one_line_that_says_how_to_see_more() -> None:
    spoil = "python import gdbext.collect.collect as m; m.find_heaps = lambda target: {}['no']"
    done = run_scenario("clean", [spoil, Capture("heap-check")], before=["break scenario_done"])
    line = "memtrace: a bug of memtrace: KeyError: 'no'; `set python print-stack full`, then the same command again"
    assert (done.captured[0].error or "").startswith(line)
    assert "Traceback" not in done.stderr


def test_a_taken_name_is_left_to_its_owner() -> None:
    done = run_gdb(["define heap-check\necho mine\nend", SOURCE, "help memtrace check"])
    taken = run_gdb(["alias heap-free = info line", SOURCE, "help memtrace free"])
    assert "memtrace: heap-free is taken; use `memtrace free`" in taken.stderr
    assert "Show each heap in numbers" in taken.stdout
    assert "Walk every heap" in done.stdout


def test_the_pager_is_gdbs_and_q_ends_a_report_without_a_word() -> None:
    with talk_to_scenario("clean") as (gdb, _):
        for command in ("break scenario_done", "continue", "set height 10"):
            gdb.command(command)
        gdb.send("define both\nheap-blocks --all\necho behind it\\n\nend\n")
        gdb.expect(PROMPT)
        for command, behind in (("heap-blocks --all", []), ("both", ["behind it"])):
            gdb.send(f"{command}\n")
            gdb.expect("to continue without paging--")
            gdb.send("q\n")
            assert gdb.expect(PROMPT).splitlines() == ["q", *behind, "(gdb) "]


def test_tasks_and_heaps_are_completed_once_they_were_read() -> None:
    commands = ["malloc-log", Capture("complete heap-blocks --task c"), Capture("complete heap-check --heap m")]
    done = run_scenario("tasks", commands, before=["break scenario_done"])
    assert done.captured[0].output == "heap-blocks --task consumer\n"
    assert done.captured[1].output.splitlines() == [
        "heap-check --heap multi_heap@0x80100000",
        "heap-check --heap multi_heap@0x80180000",
    ]


def test_completion_reads_nothing() -> None:
    with talk_to_scenario("clean") as (gdb, proxy):
        gdb.command("break scenario_done")
        gdb.command("continue")
        proxy.forget()
        gdb.command("complete heap-blocks --task c")
        gdb.command("complete heap-check --heap ")
        assert proxy.log == []


def test_help_leads_on() -> None:
    done = run_gdb([SOURCE, "help memtrace", "help heap-blocks", "help set memtrace", "help show memtrace plan"])
    assert done.stderr == ""
    assert re.search(r"memtrace check, heap-check -- Walk every heap", done.stdout)
    assert "--caller TEXT" in done.stdout
    assert "set memtrace auto-stop -- " in done.stdout


@pytest.mark.parametrize("prefix", ["memtrace", "set memtrace", "show memtrace"])
def test_a_prefix_alone_lists_its_members(prefix: str) -> None:
    names = NAMES if prefix == "memtrace" else [setting.name for setting in SETTINGS]
    lines = run_gdb([SOURCE, Capture(prefix)]).captured[0].output.splitlines()
    begun = {name: (f"memtrace {name}", f"{prefix} {name}") for name in names}
    assert [name for name in names if not any(line.startswith(begun[name]) for line in lines)] == []


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        ("memtrace chek", "there is no `memtrace chek`: did you mean check?; see `help memtrace`"),
        ("set memtrace plam", "there is no `set memtrace plam`: did you mean plan?; "),
        ("show memtrace xyz", "there is no `show memtrace xyz`; see `help show memtrace`"),
        ("memtrace gdb app.elf", "memtrace gdb is a command of the shell, outside of GDB; see `help memtrace gdb`"),
    ],
)
def test_a_word_that_is_no_member_is_one_line(typed: str, line: str) -> None:
    assert (run_gdb([SOURCE, Capture(typed)]).captured[0].error or "").startswith(f"memtrace: {line}")


def test_a_command_of_the_shell_has_a_help() -> None:
    done = run_gdb([SOURCE, "help memtrace gdb"])
    assert done.stderr == ""
    assert done.stdout.startswith("In the shell: Start OpenOCD") and "`memtrace gdb --help`" in done.stdout


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_the_help_of_a_setting_explains_its_values(setting: Declared) -> None:
    done = run_gdb([SOURCE, f"help set memtrace {setting.name}", Capture(f"show memtrace {setting.name}")])
    rows = {line[2:].split("  ")[0]: line.split("  ")[-1].strip() for line in done.stdout.splitlines()}
    assert {value or "nothing": what for value, what in setting.values}.items() <= rows.items()
    default = done.captured[0].output.rsplit(": ", 1)[1]
    assert f"Default: {default.strip()}" in done.stdout.splitlines()


def test_a_setting_that_cannot_be_obeyed_while_the_target_runs_stays_as_it_was() -> None:
    with talk_to_scenario("endless") as (gdb, _):
        gdb.command("continue &")
        said = gdb.command("set memtrace auto-stop off")
        assert said.startswith("memtrace: GDB says: Cannot execute this command while the target is running.")
        assert said.strip().count("\n") == 0
        assert gdb.command("show memtrace auto-stop") == (
            "Whether memtrace stops where the program dies: at assertions, aborts and faults: on.\n"
        )


def test_the_plan_changes_what_is_read_and_not_what_is_said() -> None:
    commands = ["set memtrace plan bulk", Capture("heap-check --json"), "set memtrace plan headers"]
    done = run_scenario("seed", [*commands, Capture("heap-check --json")])
    bulk, headers = done.json(0), done.json(1)
    assert headers["cost"]["bytes"] < bulk["cost"]["bytes"], "of the damaged heap all behind the damage is read"
    for report in (bulk, headers):
        del report["cost"]
    assert bulk == headers
