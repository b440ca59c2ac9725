# SPDX-License-Identifier: Apache-2.0
"""The port to Zephyr, in a stand-in with Zephyr's names, its files' division, and the shape of its build.

tests/ports/zephyr/app is a user's application, whose program keeps a book; base stands in for Zephyr.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.ports import standins
from tests.ports.standins import (
    EVENTS,
    book_commands,
    book_of,
    helpers_beside,
    ring_of,
    run_to_end,
    said_before,
    sizes_of,
    tasks_of,
)
from tests.ports.steps import are_few, carry_out, steps_of, with_python
from tests.support.gdb import Capture, GdbResult
from tests.support.paths import ROOT

PROJECT = Path(__file__).parent / "zephyr"
PORT = ROOT / "c_helpers" / "ports" / "zephyr"
README = PORT / "README.md"
PAGE = ROOT / "docs" / "how-to" / "port-zephyr.md"
TOOLS = "riscv64-unknown-elf-"
MODULE = "-DEXTRA_ZEPHYR_MODULES={}/memtrace/c_helpers/ports/zephyr"
ASKED = Capture("print memtrace_selftest_text(memtrace_selftest())")
USERS = ("k_malloc", "k_calloc", "k_aligned_alloc", "k_realloc", "k_realloc_elsewhere", "z_thread", "k_heap", "libc")


def application(folder: Path) -> Path:
    shutil.copytree(PROJECT / "app", folder, dirs_exist_ok=True)
    return folder


def build(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    make = ["cmake", "-G", "Ninja", "-B", "build", *words]
    for command in (make, ["cmake", "--build", "build"]):
        env = {**with_python(), "ZEPHYR_BASE": str(PROJECT / "base")}
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600, env=env)
        if done.returncode != 0:
            break
    return done


def built(folder: Path, *words: str) -> Path:
    done = build(folder, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "build" / "zephyr" / "zephyr.elf"


def with_port(folder: Path, *options: str, without: str = "") -> Path:
    """A user's application with the module, from a copy of c_helpers."""
    helpers = helpers_beside(application(folder))
    if without:
        standins.without(helpers, without)
    with (folder / "prj.conf").open("a") as file:
        file.writelines(f"{option}\n" for option in ("CONFIG_MEMTRACE=y", *options))
    return folder


@pytest.fixture(scope="module")
def elf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = with_port(tmp_path_factory.mktemp("zephyr"))
    return built(folder, MODULE.format(folder))


@pytest.fixture(scope="module")
def stopped(elf: Path) -> GdbResult:
    return run_to_end(elf, [EVENTS, *book_commands(elf.parent)])


def test_the_ring_says_what_the_book_says(elf: Path, stopped: GdbResult) -> None:
    """Each block once, as the program holds it: k_malloc's begins a word behind its k_heap's."""
    book = book_of(elf, elf.parent, f"{TOOLS}nm")
    assert len(book) > 45 and ring_of(stopped.json()) == book
    assert stopped.json()["matching"] == len(book)


def test_threads_and_interrupts_are_told_apart(stopped: GdbResult) -> None:
    """A thread's memory that is another thread's later has the other one's name."""
    assert tasks_of(stopped.json()) == {("main", f"user_{name}") for name in USERS} | {
        ("(interrupt)", "user_interrupt"),
        ("sensor", "user_leak"),
        ("net", "user_leak"),
    }


def test_events_tell_their_heaps(stopped: GdbResult) -> None:
    events = [one for one in stopped.json()["events"] if one["stack"] and one["payload"]]
    heaps = {(one["stack"][0]["function"], one["heap"]) for one in events}
    assert {heap for user, heap in heaps if user.startswith(("user_k_m", "user_k_r", "user_z"))} == {"k_malloc"}
    assert {heap for user, heap in heaps if user == "user_libc"} == {None}
    [other] = {heap for user, heap in heaps if user == "user_k_heap"}
    assert re.fullmatch("k_heap 0x8000[0-9a-f]{4}", other)


def test_stacks_end_where_a_thread_begins(stopped: GdbResult) -> None:
    ends = {(one["task"], one["stack"][-1]["function"]) for one in stopped.json()["events"] if one["stack"]}
    assert ends == {("(interrupt)", "arch_interrupt")} | {
        (task, "z_thread_entry") for task in ("main", "sensor", "net")
    }


def test_the_proof_of_the_page_is_printed_before_main(tmp_path: Path) -> None:
    folder = with_port(tmp_path, "CONFIG_MEMTRACE_SELFTEST=y")
    assert said_before(built(folder, MODULE.format(folder)), "main") == "memtrace: every hook works\n"
    assert PAGE.read_text(encoding="utf-8").endswith("\n    memtrace: every hook works\n")


def test_where_the_c_library_alone_allocates_its_hooks_are_tested(tmp_path: Path) -> None:
    folder = with_port(tmp_path, "CONFIG_MEMTRACE_SELFTEST=y")
    options = (folder / "prj.conf").read_text().replace("HEAP_MEM_POOL_SIZE=8192", "HEAP_MEM_POOL_SIZE=0")
    (folder / "prj.conf").write_text(options)
    (folder / "src" / "main.c").write_text("void app_done(void) {}\nint main(void) { app_done(); for (;;) ; }\n")
    assert said_before(built(folder, MODULE.format(folder)), "main") == "memtrace: every hook works\n"


@pytest.mark.parametrize(
    ("hook", "named"),
    [
        ("k_malloc", "malloc"),
        ("k_free", "free"),
        ("k_realloc", "realloc"),
        ("k_calloc", "calloc"),
        ("k_aligned_alloc", "aligned allocations"),
    ],
)
def test_a_hook_that_is_left_out_is_named_and_no_other(hook: str, named: str, tmp_path: Path) -> None:
    folder = with_port(tmp_path, "CONFIG_MEMTRACE_SELFTEST=y", without=hook)
    bits = Capture("print/x memtrace_selftest()")
    found = run_to_end(built(folder, MODULE.format(folder)), [ASKED, bits])
    assert f'"the hook of {named} is missing or wrong"' in found.captured[0].output
    [missing] = re.findall(r"= (0x\w+)", found.captured[1].output)
    assert int(missing, 16).bit_count() == 1


@pytest.mark.parametrize("hook", ["z_fatal_error", "z_impl_k_thread_abort"])
def test_a_hook_of_the_kernel_that_is_left_out_does_not_link(hook: str, tmp_path: Path) -> None:
    folder = with_port(tmp_path, without=hook)
    done = build(folder, MODULE.format(folder))
    assert done.returncode != 0 and f"undefined reference to `__real_{hook}'" in done.stdout


@pytest.mark.parametrize(
    ("flag", "text", "who"), [("frees_twice", "heap.c", "free_twice"), ("panics", "k_panic", "main")]
)
def test_failures_freeze_the_ring(flag: str, text: str, who: str, elf: Path) -> None:
    begin = ["break main", "continue", f"set var app_{flag}=1"]
    words = [EVENTS, Capture("print *memtrace_ring")]
    found = run_to_end(elf, words, before=begin, stop="memtrace_assert_stop")
    last = found.json(0)["events"][-1]
    assert (last["kind"], found.json(0)["trace"]["state"]) == ("assert", "frozen")
    assert who in {frame["function"] for frame in last["stack"]}
    assert text in found.captured[1].output


def test_without_the_c_library_the_kernels_entries_are_recorded(tmp_path: Path) -> None:
    folder = with_port(tmp_path, "CONFIG_MEMTRACE_LIBC=n")
    found = run_to_end(built(folder, MODULE.format(folder)), [EVENTS])
    users = {user for _, user in tasks_of(found.json())}
    assert users == {f"user_{name}" for name in (*USERS, "leak", "interrupt")} - {"user_libc"}


def test_the_example_leaks_and_says_who(tmp_path: Path) -> None:
    """Its thread is stopped where no memory is left."""
    folder = tmp_path / "examples" / "zephyr"
    shutil.copytree(ROOT / "examples" / "zephyr", folder)
    helpers_beside(tmp_path)
    (tmp_path / "c_helpers").symlink_to("memtrace/c_helpers")
    found = run_to_end(built(folder), [EVENTS, Capture("heap-leaks --all --json")], stop="printk if format[0]=='n'")
    assert found.json(0)["events"][-1]["kind"] == "alloc-failed"
    lost = found.json(1)["blocks"]
    assert len(lost) > 10
    assert {(one["owner"]["task"], one["owner"]["allocated"][0]["function"]) for one in lost} == {
        ("answering", "request_take")
    }


def test_the_steps_of_the_readme_are_few_and_work_and_leave_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As typed, in a folder of the user's; his program is then as it was."""
    monkeypatch.setenv("ZEPHYR_BASE", str(PROJECT / "base"))
    folder = application(tmp_path)
    bare = sizes_of(built(folder), f"{TOOLS}size")
    steps = steps_of(README)
    assert are_few(steps)
    carry_out(steps, folder)
    elf = folder / "build" / "zephyr" / "zephyr.elf"
    assert sizes_of(elf, f"{TOOLS}size") != bare
    assert run_to_end(elf, [EVENTS]).json()["trace"]["kept"] > 40
    carry_out(steps_of(README, "Take it out"), folder)
    assert sizes_of(elf, f"{TOOLS}size") == bare
