# SPDX-License-Identifier: Apache-2.0
"""`memtrace run` with the real recorder: the program is as without it, and each option does what it says."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from gdbext.commands.parsing import parsed_in_shell
from gdbext.commands.run import COMMAND, variables
from tests.linux.stepping import Stepped, depths, events, mark_names, not_recorded, sizes, told
from tests.support.linux import STEPS, compiled, environment, library, memtrace, recorded
from tests.support.markers import marked_line
from tests.support.paths import ROOT
from tests.support.rsp_traffic import wait_until


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(STEPS, tmp_path_factory.mktemp("steps"))


def logs(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.log"))


def only(folder: Path) -> Path:
    (found,) = logs(folder)
    return found


def test_the_program_is_as_without_the_recorder(steps: Path, tmp_path: Path) -> None:
    script = "take 10\nignored\nrun echo from a shell\nrun kill -9 $$\nend 7\n"
    alone = subprocess.run([steps], input=script, capture_output=True, text=True, cwd=tmp_path, env=environment())
    done = recorded([steps], tmp_path, script=script)
    assert (done.returncode, done.stdout) == (alone.returncode, alone.stdout)
    assert done.returncode == 7 and "from a shell" in done.stdout


@pytest.mark.parametrize("locale", [{}, {"LC_CTYPE": "POSIX"}, {"LC_CTYPE": "C.UTF-8"}, {"LC_ALL": "C"}])
def test_its_environment_is_as_without_but_for_the_recorder(tmp_path: Path, locale: dict[str, str]) -> None:
    """Python itself changes LC_CTYPE in the C locale."""
    before = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "OTHER": "\udcff two\nlines", **locale}
    line = memtrace("run", "--library", library(), "--no-summary", "--", "env", "-0")
    done = subprocess.run(line, env=before, cwd=tmp_path, capture_output=True, check=True, timeout=300)
    after = dict(os.fsdecode(entry).split("=", 1) for entry in done.stdout.split(b"\0") if entry)
    recorders = [name for name in after if name.startswith(("MEMTRACE_", "LD_PRELOAD"))]
    assert {name: value for name, value in after.items() if name not in recorders} == before
    assert sorted(recorders) == ["LD_PRELOAD", "MEMTRACE_LOG", "MEMTRACE_SUMMARY"]


@pytest.mark.parametrize("number", [6, 9, 13, 15])
def test_it_dies_of_the_same_signal(steps: Path, tmp_path: Path, number: int) -> None:
    done = recorded([steps], tmp_path, script=f"take 100\nraise {number}\n")
    assert done.returncode == -number
    assert sizes(only(tmp_path)) == [100]


def test_it_has_the_number_of_the_command(steps: Path, tmp_path: Path) -> None:
    """A service's supervisor watches the process that it has started."""
    with Stepped(steps, tmp_path) as process:
        assert process.step("number") == f"{process.number} done\n"


def test_what_is_said_names_the_log(steps: Path, tmp_path: Path) -> None:
    done = recorded([steps], tmp_path, script="take 1000\nend 0\n")
    first, last = done.stderr.splitlines()
    log = only(tmp_path)
    assert first == f"memtrace: recording; afterwards: memtrace report {log.name}"
    assert last.startswith("memtrace: host peak ") and str(log) in last
    assert recorded([steps], tmp_path, "--no-summary", script="end 0\n").stderr == ""


def test_children_say_nothing(steps: Path, tmp_path: Path) -> None:
    """Who reads what a child prints finds its own lines alone. By the variable each process may speak."""
    script = "fork 33\nrun ls >/dev/null\nend 0\n"
    done = recorded([steps], tmp_path, "--output", "of.%n.log", script=script)
    assert re.findall(r"in \S*/of\.(.*)\.log", done.stderr) == ["steps"]
    env = environment(LD_PRELOAD=str(library()), MEMTRACE_SUMMARY="1", MEMTRACE_LOG="all.%n.log")
    done = subprocess.run([steps], input=script, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert {"steps", "steps.2"} <= set(re.findall(r"in \S*/all\.(.*)\.log", done.stderr))


def test_the_leak_has_its_line(steps: Path, tmp_path: Path) -> None:
    recorded([steps], tmp_path, script="take 1000\ntake 20\ngive\nend 0\n")
    (block,) = told("leaks", only(tmp_path))["blocks"]
    frame = block["owner"]["allocated"][0]
    assert (block["size"], frame["function"], frame["line"]) == (1000, "take", marked_line(STEPS, "take"))
    report = told("report", only(tmp_path))
    assert (report["totals"]["allocations"], report["totals"]["frees"]) == (2, 1)


def test_a_script_is_recorded_as_its_interpreter(tmp_path: Path) -> None:
    """One process, one log."""
    (tmp_path / "script").write_text("#!/usr/bin/env sh\ntrue\n")
    (tmp_path / "script").chmod(0o755)
    assert recorded(["./script"], tmp_path).returncode == 0
    shell = Path("/bin/sh").resolve().name
    assert re.fullmatch(rf"memtrace\.{shell}\.\d+\.log", only(tmp_path).name)


def test_the_path_of_the_log(steps: Path, tmp_path: Path) -> None:
    """Its folder is made, and what is there is not replaced."""
    for _ in range(2):
        recorded([steps], tmp_path, "--output", "deep/er/%n-%n.log", script="take 9\nend 0\n")
    assert [path.name for path in logs(tmp_path / "deep" / "er")] == ["steps-steps.2.log", "steps-steps.log"]
    done = recorded([steps], tmp_path, "--output", "%p", script="number\nend 0\n")
    number = done.stdout.split()[0]
    assert (tmp_path / number).read_bytes()[:8] == b"\x89MEMTRC\n"


@pytest.mark.parametrize(("options", "frames"), [([], 24), (["--depth", "10"], 10), (["--depth", "1"], 1)])
def test_depth(steps: Path, tmp_path: Path, options: list[str], frames: int) -> None:
    recorded([steps], tmp_path, *options, script="deep 20\nend 0\n")
    assert depths(only(tmp_path))[48] >= frames if not options else depths(only(tmp_path))[48] == frames


def test_stacks_by_size(steps: Path, tmp_path: Path) -> None:
    script = "".join(f"take {size}\n" for size in (15, 16, 64, 65, 1023, 1024, 5000))
    recorded([steps], tmp_path, "--stack-sizes", "16-64,1K-", script=f"{script}end 0\n")
    found = depths(only(tmp_path))
    assert {size for size, depth in found.items() if depth == 1} == {15, 65, 1023}
    assert {size for size, depth in found.items() if depth > 1} == {16, 64, 1024, 5000}


@pytest.mark.parametrize("options", [[], ["--free-stacks"]], ids=["caller", "whole"])
def test_stacks_of_frees(steps: Path, tmp_path: Path, options: list[str]) -> None:
    recorded([steps], tmp_path, *options, script="take 100\ngive\nend 0\n")
    free = next(one for one in told("log", only(tmp_path), "--all")["events"] if one["kind"] == "free")
    assert free["stack"][0]["function"] == "give"
    assert (len(free["stack"]) > 1) == bool(options)


def test_paused(steps: Path, tmp_path: Path) -> None:
    recorded([steps], tmp_path, "--paused", script="take 100\non\ntake 200\noff\ntake 300\non\ntake 400\nend 0\n")
    taken = [size for kind, size in events(only(tmp_path)) if kind == "alloc"]
    assert taken == [200, 400]


@pytest.mark.parametrize("options", [[], ["--no-children"]])
def test_children(steps: Path, tmp_path: Path, options: list[str]) -> None:
    """A child of fork, and programs that it starts: each has a log, or none has."""
    recorded([steps], tmp_path, *options, script="take 100\nfork 33\nrun true\nend 0\n")
    names = [path.name.split(".")[1] for path in logs(tmp_path)]
    assert names.count("steps") == (1 if options else 2)
    assert (len(names) > 2) == (not options)
    if not options:
        assert sorted(sizes(path) for path in logs(tmp_path) if ".steps." in path.name) == [[33], [100]]


def test_a_peak_makes_a_mark(steps: Path, tmp_path: Path) -> None:
    """Each time from below."""
    script = "take 1500000\ntake 1500000\ntake 5\ngive\ngive\ngive\ntake 3000000\nend 0\n"
    recorded([steps], tmp_path, "--peak", "2", script=script)
    names = mark_names(only(tmp_path))
    assert len(names) == 2 and all(re.fullmatch(r"peak \d+ MB", name) for name in names), names


def test_a_signal_makes_a_mark(steps: Path, tmp_path: Path) -> None:
    recorded([steps], tmp_path, "--signal", "USR2", script="take 1\nraise 12\ntake 2\nend 0\n")
    assert [kind for kind, _ in events(only(tmp_path))] == ["alloc", "mark", "alloc"]
    (name,) = mark_names(only(tmp_path))
    assert re.fullmatch(r"signal at \d+\.\d{3} s", name)


def test_a_limit_of_the_log(steps: Path, tmp_path: Path) -> None:
    """What comes after it is counted, and the program goes on."""
    done = recorded([steps], tmp_path, "--max-log", "1M", script="many 200000\nend 5\n")
    log = only(tmp_path)
    assert (done.returncode, done.stdout) == (5, "done\n")
    assert log.stat().st_size <= 1 << 20
    lost = not_recorded(log)
    assert lost > 0 and told("report", log)["totals"]["events"] + lost == 400_000


def test_a_reserve_of_the_disk(steps: Path, tmp_path: Path) -> None:
    """More than any disk has: there is no log, and the program runs."""
    done = recorded([steps], tmp_path, "--reserve", "1000000G", script="take 10\nend 5\n")
    assert done.returncode == 5


def test_checkpoints_and_requests_stand_in_order(steps: Path, tmp_path: Path) -> None:
    with Stepped(steps, tmp_path) as process:
        process.step("take 1")
        process.step("mark a name that is longer than twenty bytes")
        asked = subprocess.Popen(
            memtrace("mark", "from outside", "--pid", process.number),
            env=environment(),
            stdout=subprocess.PIPE,
            text=True,
        )
        wait_until(lambda: process.step("take 2") != "" and asked.poll() is not None)
        assert asked.communicate()[0].startswith("mark from outside: process ")
        process.step("take 3")
    assert mark_names(process.log) == ["a name that is longer than twenty bytes", "from outside"]


def test_start_and_stop_from_outside(steps: Path, tmp_path: Path) -> None:
    with Stepped(steps, tmp_path, "--paused") as process:
        process.step("take 7")  # until then the process may be `memtrace run` yet
        for request, size in (("start", 100), ("stop", 200), ("start", 300)):
            line = memtrace(request, "--pid", process.number, "--json")
            asked = subprocess.Popen(line, env=environment(), stdout=subprocess.PIPE, text=True)
            wait_until(lambda asked=asked: process.step("take 7") != "" and asked.poll() is not None)  # type: ignore[misc]
            said = json.loads(asked.communicate()[0])
            assert (said["obeyed"], said["state"]) == (True, "stopped" if request == "stop" else "recording")
            process.step(f"take {size}")
    taken = {size for kind, size in events(process.log) if kind == "alloc"}
    assert {100, 300} <= taken and 200 not in taken


def test_a_process_that_is_not_recorded(steps: Path, tmp_path: Path) -> None:
    with subprocess.Popen([steps], stdin=subprocess.PIPE, text=True, cwd=tmp_path, env=environment()) as process:
        done = subprocess.run(
            memtrace("stop", "--pid", process.pid), env=environment(), capture_output=True, text=True, timeout=300
        )
        process.communicate("end 0\n")
    assert (done.returncode, done.stdout) == (2, "")
    assert "is not under the recorder: memtrace run -- PROGRAM" in done.stderr


@pytest.mark.parametrize(
    ("compiler", "flags", "said"),
    [
        ("gcc", ["-static"], "is linked statically"),
        ("gcc -m32", [], "is a 32-bit x86 program, and the recorder is 64-bit x86-64"),
        ("aarch64-linux-gnu-gcc", [], "is a 64-bit AArch64 program"),
        ("musl-gcc", [], "runs on musl, and the recorder is for glibc"),
    ],
)
def test_programs_that_cannot_be_recorded(tmp_path: Path, compiler: str, flags: list[str], said: str) -> None:
    program = compiled(STEPS, tmp_path, compiler, *flags)
    done = recorded([program], tmp_path)
    assert done.returncode == 2 and said in done.stderr and done.stderr.count("\n") == 1
    assert logs(tmp_path) == []


def test_a_program_of_musl(tmp_path: Path) -> None:
    program = compiled(STEPS, tmp_path, "musl-gcc")
    done = recorded([program], tmp_path, "--library", library("musl"), script="take 1000\nfork 5\nend 3\n")
    assert done.returncode == 3, done.stderr
    assert sorted(max(sizes(log)) for log in logs(tmp_path)) == [5, 1000]


@pytest.mark.parametrize("name", ["jemalloc.so.2", "tcmalloc_minimal.so.4", "mimalloc.so.2.0"])
def test_allocators_that_are_loaded(tmp_path: Path, name: str) -> None:
    """They stand in for the C library's, and the recorder in front of them."""
    program = compiled(STEPS, tmp_path, "gcc", "-Wl,--no-as-needed", f"-l:lib{name}")
    assert recorded([program], tmp_path, script="take 1000\ngive\ntake 51\nend 0\n").returncode == 0
    assert 51 in sizes(only(tmp_path)) and 1000 not in sizes(only(tmp_path))


OTHERS = {
    "aarch64": ("aarch64-linux-gnu-gcc", "qemu-aarch64", "/usr/aarch64-linux-gnu"),
    "riscv64": ("riscv64-linux-gnu-gcc", "qemu-riscv64", "/usr/riscv64-linux-gnu"),
    "armhf": ("arm-linux-gnueabihf-gcc", "qemu-arm", "/usr/arm-linux-gnueabihf"),
}


@pytest.mark.parametrize("machine", OTHERS)
def test_on_another_machine(tmp_path: Path, machine: str) -> None:
    """A board's program and its log, by QEMU: blocks, marks and a child of fork."""
    compiler, emulator, root = OTHERS[machine]
    program = compiled(STEPS, tmp_path, compiler)
    given = {"LD_PRELOAD": library(machine), "MEMTRACE_LOG": tmp_path / "one.log", "MEMTRACE_SUMMARY": 1}
    line = [emulator, "-L", root, *(word for name, value in given.items() for word in ("-E", f"{name}={value}"))]
    done = subprocess.run(
        [*line, program], input="take 1000\nmark one\nfork 3\nend 3\n", capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 3 and done.stderr.count("memtrace: host peak") == 2
    assert (sizes(tmp_path / "one.log"), mark_names(tmp_path / "one.log")) == ([1000], ["one"])
    assert sizes(tmp_path / "one.2.log") == [3]


def test_by_ld_preload_alone(steps: Path, tmp_path: Path) -> None:
    """Neither Python nor a launcher: what a board has."""
    env = environment(LD_PRELOAD=str(library()), MEMTRACE_LOG="%n.log", MEMTRACE_DEPTH="2")
    subprocess.run(
        [steps], input="deep 9\nend 0\n", text=True, env=env, cwd=tmp_path, check=True, stdout=subprocess.DEVNULL
    )
    assert depths(tmp_path / "steps.log") == {48: 2}


def test_each_variable_of_the_recorder_is_set_by_an_option() -> None:
    read = set(re.findall(r'"MEMTRACE_([A-Z_]+)"', (ROOT / "c_helpers" / "linux" / "options.c").read_text()))
    options = parsed_in_shell(COMMAND, "--depth 1 --stack-sizes 1 --free-stacks --paused --no-children".split())
    more = "--peak 1 --signal 12 --max-log 1M --reserve 1".split()
    vars(options).update({key: value for key, value in vars(parsed_in_shell(COMMAND, more)).items() if value})
    assert {f"MEMTRACE_{name}" for name in read} == set(variables(options, {}, "/"))
